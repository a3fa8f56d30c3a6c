package dev.fovea.cli;

import java.util.ArrayList;
import java.util.List;

/// Rows of text in columns as wide as their longest cell.
final class TextTable {
  private final String alignment;
  private final List<String[]> rows = new ArrayList<>();

  /// @param alignment of each column, `<` or `>`
  TextTable(String alignment) {
    this.alignment = alignment;
  }

  void add(String... cells) {
    rows.add(cells);
  }

  @Override
  public String toString() {
    var widths = new int[alignment.length()];
    for (var row : rows) for (int i = 0; i < row.length; i++) widths[i] = Math.max(widths[i], row[i].length());
    var text = new StringBuilder();
    for (var row : rows) {
      var line = new StringBuilder();
      for (int i = 0; i < row.length; i++) {
        var space = " ".repeat(widths[i] - row[i].length());
        line.append(i == 0 ? "" : "  ").append(alignment.charAt(i) == '>' ? space + row[i] : row[i] + space);
      }
      text.append(line.toString().stripTrailing()).append(System.lineSeparator());
    }
    return text.toString();
  }
}
