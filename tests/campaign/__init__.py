"""The campaign: kills, damaged files, forgeries and simultaneous callers, from a seed, as many as one likes.

    make test-campaign                              1,000 kills, 100,000 damaged files, 100 forgeries, 60 of callers
    make test-campaign ARGS="kills --count 50"      one experiment, fifty trials
    make test-campaign ARGS="kills --seed 3 --first 17 --count 1"
                                                    one trial again, as a row of the table names it

An experiment is a module with COUNT, the default number of trials, `warm_up()`, and `trials(seed, first, count, base)`:
pairs of (number, test) and a generator that yields Children to run, is sent how each Ended, and returns what came out:
(Counter {(test, outcome): how often}, [(number, test, fault)]). It raises Fault for what must not happen. Trials depend
on nothing but seed and number; their files are in folders of their own under `base`.
"""
