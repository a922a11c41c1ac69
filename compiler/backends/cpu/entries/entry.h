// Of the entries that Python calls: plain functions over pointers and sizes, each running its kernel in all threads of a pool.
#pragma once

#include "pool.h"

#define ENTRY extern "C" __attribute__((visibility("default")))
