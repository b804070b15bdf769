"""Tables of the benchmark: columns as wide as their widest cell, numbers to the right.

Happy path: Table(title, heads), row(...) as figures come, print(). A None is an empty cell.
"""


def _cell(value):
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


class Table:
    def __init__(self, title, heads):
        self.title = title
        self.rows = [heads]
        self.texts = [True] * len(heads)

    def row(self, *cells):
        if len(self.rows) == 1:
            self.texts = [isinstance(c, str) for c in cells]
        self.rows.append([_cell(c) for c in cells])

    def print(self):
        if len(self.rows) == 1:
            return
        widths = [max(len(r[i]) for r in self.rows) for i in range(len(self.rows[0]))]
        print(f"\n{self.title}")
        for number, cells in enumerate(self.rows):
            line = (c.ljust(w) if text else c.rjust(w) for c, w, text in zip(cells, widths, self.texts))
            print("  " + "  ".join(line).rstrip())
            if number == 0:
                print("  " + "  ".join("-" * w for w in widths))
        print(end="", flush=True)
