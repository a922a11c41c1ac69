"""A gazetteer of given names: an optional help where no cue tells a name. Off by default, because names mean other things too.

The list is this project's own, of given names that are common in Europe; it comes from no data set of persons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..finding import Span
from .person import LETTER, UPPER, holds_any, person_at
from .vocabulary import THINGS, bare, word_set

_SCORE: Final = 0.5
_GIVEN: Final = word_set(
    """
    Adam Adrian Agata Agnes Agnès Agnieszka Aida Aino Aisha Alain Alan Albert Alberto Alejandra Alejandro Aleksandar
    Aleksander Aleksandra Alessandra Alessandro Alessia Alex Alexander Alexandra Alexandre Alexandros Alexandru
    Alfred Alfredo Ali Alice Alicia Alina Aline Alois Amalia Amelia Amélie Ana Anastasia Anders Andrea Andreas
    Andrei Andreea Andrej Andrew Andris Andrius Andrzej André Andrés Ane Aneta Angela Angelika Angelina Angelo Anita
    Anja Anke Ann Anna Annalisa Anne Annette Annika Anouk Ansis Anthony Antoine Anton Antonella Antonia Antonio
    António Antonín Arnaud Arne Arthur Artur Arturo Astrid Attila Audrey Aurélie Axel Balázs Barbara Bart Bartosz
    Bas Beata Beatrice Beatriz Beate Benedikt Benjamin Benoît Bernadette Bernard Bernd Bernhard Bettina Birgit
    Birgitta Björn Blanka Bogdan Bojan Boris Borislav Božena Branko Bram Brigitte Brian Bruno Camille Carina Carla
    Carlo Carlos Carmen Carolina Caroline Carsten Catarina Caterina Catherine Cathérine Catia Cecilia Cecilie Céline
    Cesare Chantal Charles Chiara Christa Christelle Christina Christine Christof Christoph Christophe Christopher
    Christos Ciara Claire Clara Claudia Claudio Claus Clemens Clément Colette Conor Constantin Corinne Cornelia
    Cosmin Cristian Cristiana Cristina Cyril Dagmar Dalia Damien Damir Dan Dana Daniel Daniela Danièle Daniele
    Danuta Daphne Dariusz Darius David Davide Dean Deborah Delphine Denis Denise Detlef Diana Diego Dieter Dietmar
    Dimitar Dimitris Dimitrios Dina Dirk Dominik Dominika Dominique Donatella Dora Dorota Dorothea Dorthe Dragan
    Dušan Dzintars Edgar Edita Edith Eduard Eduardo Edward Edyta Eero Eileen Elena Eleni Eleonora Elisa Elisabeth
    Elisabetta Elise Elizabeth Elke Ellen Elsa Elżbieta Émilie Emil Emilia Emily Emma Emmanuel Enrico Enrique Éric
    Eric Erica Erich Erik Erika Ernestas Erwin Esther Estelle Eszter Ethan Étienne Eugen Eugenia Eva Evangelos
    Evelyn Ewa Fabian Fabienne Fabio Fabrice Fatima Federica Federico Felipe Felix Ferenc Fernando Filip Filippo
    Fiona Flavia Florian Francesca Francesco Francisca Francisco Franck François Françoise Frank Franz Franziska
    Fredrik Frédéric Friedrich Frida Fritz Gabriel Gabriela Gabriele Gabrielle Gábor Gaëlle Gareth Gediminas Geert
    Geoffrey Georg George Georges Georgi Georgios Gerard Gérard Gerda Gerhard Germán Gertrud Géza Gheorghe Giacomo
    Gilles Gintaras Giorgia Giorgio Giorgos Giovanna Giovanni Gisela Giulia Giuseppe Gonzalo Goran Grażyna Grzegorz
    Gregor Greta Guido Guillaume Gunnar Günter Günther Gustav György Hannah Hanna Hanne Hannes Hans Harald Harry
    Hartmut Heidi Heike Heiko Heinrich Heinz Helen Helena Helene Helga Helmut Hélène Hendrik Henning Henri Henrik
    Henry Henryk Herbert Hermann Hilde Holger Horst Hubert Hugo Ian Ieva Ignacio Igor Ilaria Ildikó Ilona Ilse Inês
    Inga Inge Ingeborg Ingo Ingrid Ioana Ion Ioannis Irena Irene Irina Iris Irma Isabel Isabella Isabelle István Iva
    Ivan Ivana Ivo Iwona Jaak Jaan Jaap Jacek Jacob Jacqueline Jacques Jakob Jakub James Jan Jana Jane Janina Janis
    Jānis Janusz Jaroslav Jarosław Jasmin Javier Jean Jeanne Jelena Jennifer Jens Jeroen Jérôme Jerzy Jesper Jessica
    Jesús Jiří Joachim Joana Joanna Joaquín Jochen Johan Johann Johanna Johannes John Jon Jonas Jonathan Joost Jordi
    Jorge Jörg Josef Joseph Josip José João Juan Judit Judith Jukka Julia Julian Juliane Julie Julien Juliette
    Jürgen Justyna Jutta Kadri Kai Kaisa Kalle Kamil Karel Karen Karin Karl Karla Karol Karolina Karsten Kasia
    Katarina Katarzyna Kateřina Katerina Katharina Kathrin Katja Katrin Kathleen Kerstin Kevin Kirsten Kirsi Klára
    Klaus Konrad Konstantin Konstantinos Kostas Kristian Kristiina Kristina Kristine Krisztina Krzysztof Kurt
    Ladislav Lars Lasse László Laura Laurent Laurence Lea Léa Leena Lena Lennart Leon Leonard Leonardo Leonie Leonor
    Leszek Lidia Liina Lina Linas Linda Lisa Lisbeth Liv Ljubica Loïc Lorenzo Louis Louise Luc Luca Lucas Lucia
    Lucía Lucie Ludovic Ludwig Luigi Luis Luisa Luís Lukas Lukáš Łukasz Luke Maarten Maciej Madeleine Magdalena
    Magali Magnus Maja Małgorzata Manfred Manon Manuel Manuela Marc Marcel Marcin Marco Marcos Marek Margaret
    Margarida Margarita Margit Margrethe Marguerite Maria María Mária Mariana Marianne Marie Marija Marijke Mario
    Marion Maris Māris Marius Marja Marjan Marko Markus Marleen Marlene Marta Marten Martha Martin Martina Martine
    Mateusz Mathieu Mathilde Matilda Matjaž Matteo Matthew Matthias Matti Maurice Mauro Maximilian Mehmet Melanie
    Mercedes Merja Mette Micaela Michael Michaela Michal Michał Michel Michela Michèle Michelle Miguel Mihai Mikael
    Mikko Milan Milena Miloš Mindaugas Mircea Mirela Miroslav Mirosław Mohamed Mohammed Monica Monika Monique Morten
    Muhammad Murat Mustafa Nadia Nadine Natalia Natalie Nataša Nathalie Neil Nele Nenad Niamh Niccolò Nicola Nicolas
    Nicole Nicoleta Niels Nikola Nikolaos Nikolaus Nikolay Nils Nina Noemi Nora Norbert Nuno Olaf Ole Oleg Olga
    Oliver Olivia Olivier Ondřej Orsolya Oskar Óscar Othmar Otto Pablo Panagiotis Paola Paolo Pascal Patricia
    Patrick Patrik Paul Paula Paulina Pauline Paulo Pavel Pawel Paweł Pedro Peeter Pekka Per Petar Peter Péter Petra
    Petri Petros Philip Philipp Philippe Pia Pierre Pieter Pietro Piotr Rachel Radka Radosław Rafael Rafał Raimund
    Rainer Raimonds Ralf Ramón Raquel Raúl Rebecca Regina Reinhard Renata Renate Rene René Riccardo Richard Rita
    Robert Roberta Roberto Roger Roland Rolf Roman Romana Rosa Rosemarie Rüdiger Rui Rupert Ruth Ryszard Sabine
    Sabrina Salvatore Samuel Sandra Sandrine Sara Sarah Saskia Sascha Sebastian Sébastien Seán Serge Sergei Sergio
    Siegfried Sigrid Silke Silvia Simon Simona Simone Sinéad Siobhán Slavica Snežana Sofia Sofía Sofie Solveig Søren
    Sonia Sonja Sophie Spyros Stanisław Stanislav Stefan Stefania Stefano Stefanie Steffen Stella Stéphane Stéphanie
    Stephan Stephen Steven Stig Susan Susana Susanna Susanne Svein Sven Svetlana Sylvia Sylvie Szabolcs Tadeusz
    Tamara Tamás Tanja Tatiana Teresa Terje Thea Theodor Theodoros Theresa Thérèse Thierry Thibault Thomas Tibor
    Tiina Till Timo Timothy Tiago Tina Tobias Tom Tomas Tomáš Tomasz Tomislav Toni Tony Torben Torsten Tuomas Udo
    Ulla Ulrich Ulrike Urban Ursula Urszula Uta Ute Uwe Valentin Valentina Valérie Valeria Vanessa Vasile Vasilis
    Vera Verena Veronica Veronika Véronique Vesna Viktor Viktoria Vilma Vincent Vincenzo Violeta Virginie Vito Vítor
    Vladimir Vojtěch Volker Walter Waltraud Wanda Werner Wilhelm Willem William Wim Wojciech Wolfgang Xavier Yann
    Yannick Yves Yvette Yvonne Zbigniew Zdeněk Željko Zita Zoë Zofia Zoltán Zoran Zsófia Zsuzsanna Zuzana Иван
    Георги Димитър Петър Николай Мария Елена Иванка Йордан Стефан Христо Тодор Васил Александър Десислава Γιώργος
    Γεώργιος Μαρία Δημήτρης Κώστας Ιωάννης Γιάννης Ελένη Κατερίνα Νίκος Νικόλαος Βασίλης
    """
)
_MAY_BE: Final = re.compile(
    rf"(?<![0-9_@.\\/{LETTER}'-])([{UPPER}][{LETTER}]+)(?:-[{UPPER}][{LETTER}]+)? (?=[{UPPER}dv])"
)


def listed_names(shadow: str) -> Iterator[Span]:
    """Given names of the list with a capitalised word after them."""
    done = 0
    for match in _MAY_BE.finditer(shadow):
        if match.start() < done or bare(match.group(1)) not in _GIVEN:
            continue
        person = person_at(shadow, match.start(), THINGS, most=3)
        if person is not None and person.words > 1 and not holds_any(shadow, person, THINGS):
            done = person.end
            yield person.start, person.end, "NAME", _SCORE, "gazetteer"
