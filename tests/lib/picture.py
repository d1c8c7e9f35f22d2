"""What stands on a terminal, by pyte: a model that takes whatever a full-screen program sends, and
finds it strange to be sent anything that no such program has a reason to send.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import copy
import unicodedata

import pytest

pyte = pytest.importorskip("pyte", reason="pyte is missing (Debian: python3-pyte)")

OTHER_SCREEN = 1049
# The title of the window is put by, and fetched again: unknown to pyte, and harmless.
TITLE = ((22, 0, 0), (23, 0, 0))


class Model(pyte.Screen):
    """pyte's, with the other screen that programs take, and a list of what is strange."""

    def __init__(self, columns, rows):
        super().__init__(columns, rows)
        self.strange = []
        self.put_by = None  # what was there before the other screen was taken

    def draw(self, data):
        self.strange += [c for c in data if unicodedata.category(c) in ("Cc", "Cf")]
        super().draw(data)

    def debug(self, *args, **kwargs):
        if args not in TITLE:
            self.strange.append(args)

    def set_mode(self, *modes, **kwargs):
        if kwargs.get("private") and OTHER_SCREEN in modes:
            self.put_by = copy.deepcopy(self.buffer), copy.copy(self.cursor)
        super().set_mode(*modes, **kwargs)

    def reset_mode(self, *modes, **kwargs):
        super().reset_mode(*modes, **kwargs)
        if kwargs.get("private") and OTHER_SCREEN in modes and self.put_by:
            self.buffer, self.cursor = self.put_by
            self.put_by = None


class Picture:
    """The rows of a terminal of this size."""

    def __init__(self, columns, rows):
        self.model = Model(columns, rows)
        self.stream = pyte.Stream(self.model)

    def feed(self, text):
        self.stream.feed(text)
        assert not self.model.strange, self.model.strange

    def set_size(self, columns, rows):
        self.model.resize(rows, columns)

    def lines(self):
        """Each row, without the blanks at its end. A wide character is one, not two."""
        return [row.rstrip() for row in self.model.display]

    def cells(self, row):
        """What is in each column; of what a wide character covers, an empty string."""
        return [self.model.buffer[row][column].data for column in range(self.model.columns)]

    def cursor(self):
        """Row and column."""
        return self.model.cursor.y, self.model.cursor.x
