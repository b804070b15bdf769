"""The table "directly / through pacekeeper", in plain markdown."""


def _cell(notes, label):
    return str(notes[label]) if label in notes else "-"


def lines_of(line, results):
    """The table of one Storm line. results: [(scenario, notes directly, notes through, problems, remark)]; a figure
    whose rule is broken is marked."""
    made = [f"Storm {line.version}, liveness by {line.liveness}", "", "| | directly | through pacekeeper | |",
            "|---|---|---|---|"]
    for scenario, direct, through, problems, remark in results:
        decision = "; ".join(filter(None, ("FAILED" if problems else "passed", remark))).replace("|", "/")
        made.append(f"| **{scenario.title}** | | | {decision} |")
        for label in dict.fromkeys(list(direct) + list(through)):
            mark = "!" if any(p.startswith(label + ": ") for p in problems) else ""
            made.append(f"| {label} | {_cell(direct, label)} | {_cell(through, label)} | {mark} |")
    return made
