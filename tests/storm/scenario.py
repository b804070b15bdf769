"""What a scenario is: it measures one cluster, and rules compare two.

Happy path: a scenario's measure(cluster, note) calls note("label", value) for each figure, once for the cluster without
and once for the one with pacekeeper; then each rule says whether the second column may be as it is, beside the first.
A rule is broken or not; a difference that it allows is in its reason, which the table shows when it is broken. A
measurement that fails (a cluster that does not recover) fails the scenario.
"""
from collections import namedtuple

Scenario = namedtuple("Scenario", "name title measure rules columns together", defaults=(True,))
"""rules(line): the rules. columns: "both"; "through" for what only the cluster with pacekeeper can do; "moved" for what
starts and ends directly and says something of pacekeeper. together: both clusters begin it at the same time."""

Rule = namedtuple("Rule", "label test reason excuse compares", defaults=(None, True))
"""test(directly, through) -> whether through may be so. excuse(notes through) -> whether the rule does not apply. compares:
whether it needs the first column."""


def no_more(label, slack=0, reason="never more than directly", excuse=None):
    return Rule(label, lambda d, t: t <= d + slack, reason, excuse)


def must(label, test, reason, excuse=None):
    """Of the column through pacekeeper alone."""
    return Rule(label, lambda _d, t: test(t), reason, excuse, False)


def both(label, test, reason):
    """Of both columns: what fails directly too is the rig's or Storm's own doing."""
    return Rule(label, lambda d, t: test(d) and test(t), reason)


class Notes(dict):
    """The figures of one cluster, in order."""

    def __call__(self, label, value):
        self[label] = value


def broken(scenario, line, direct, through, alone=False):
    """Messages for the rules that do not hold. alone: there is no cluster without pacekeeper to compare with."""
    found = []
    for rule in scenario.rules(line):
        if alone and rule.compares:
            continue
        if rule.label not in through or scenario.columns == "both" and not alone and rule.label not in direct:
            found.append(f"{rule.label}: not measured")
        elif rule.excuse and rule.excuse(through):
            continue
        elif not rule.test(direct.get(rule.label), through[rule.label]):
            found.append(f"{rule.label}: {through[rule.label]} through pacekeeper, {direct.get(rule.label, '-')} "
                         f"directly ({rule.reason})")
    return found
