"""What is done to a program, one idea a module. A pass takes a program and gives one that computes the same."""
