package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/// Windows of a map that is padded with zeros below and on the right to whole windows, and then shifted cyclically: position
/// `(y, x)` of the shifted map is `(y + shift, x + shift)` of the padded one, counted around its border (Liu et al., "Swin
/// Transformer: Hierarchical Vision Transformer using Shifted Windows", 2021, figure 4).
///
/// Windows in the last row or column of a shifted map contain parts that are not neighbours. Windows with the same division into
/// parts are a group, and all windows of a group follow one another, so that one mask serves them all.
///
/// Shapes: B maps, H × W positions, R × S windows of `size` × `size`, N = `size²`, C channels.
///
/// @param height `H`
/// @param width `W`
/// @param shift from 0 to `size - 1`
record ShiftedWindows(int height, int width, int size, int shift) {
  private static final Tensor ZERO = Tensor.zeros(Arena.ofAuto(), 1);

  /// Windows `[rowFrom, rowTo) × [colFrom, colTo)`.
  ///
  /// @param lastRow whether they are in the last row of a shifted map
  /// @param lastCol whether they are in its last column
  record Group(int rowFrom, int rowTo, int colFrom, int colTo, boolean lastRow, boolean lastCol) {
    int rows() {
      return rowTo - rowFrom;
    }

    int cols() {
      return colTo - colFrom;
    }

    int count() {
      return rows() * cols();
    }

    /// The number of the mask: 0 for windows in one part.
    int mask() {
      return (lastRow ? 2 : 0) + (lastCol ? 1 : 0);
    }
  }

  /// Consecutive positions of one dimension of the shifted map.
  ///
  /// @param source the first one's position in the map, or -1 for padding
  private record Run(int from, int to, int source) {
    int count() {
      return to - from;
    }
  }

  int rows() {
    return Math.ceilDiv(height, size);
  }

  int cols() {
    return Math.ceilDiv(width, size);
  }

  int count() {
    return rows() * cols();
  }

  /// The groups in the order of the windows; those of all maps of a batch follow one another in each group.
  List<Group> groups() {
    int rows = rows(), cols = cols();
    if (shift == 0) return List.of(new Group(0, rows, 0, cols, false, false));
    var all = List.of(new Group(0, rows - 1, 0, cols - 1, false, false), new Group(0, rows - 1, cols - 1, cols, false, true),
        new Group(rows - 1, rows, 0, cols - 1, true, false), new Group(rows - 1, rows, cols - 1, cols, true, true));
    return all.stream().filter(group -> group.count() > 0).toList();
  }

  /// `[B, H, W, C]` → `[B · R · S, N, C]`.
  Tensor cut(Tensor x) {
    int batch = x.dim(0), channels = x.dim(3);
    var shifted = shifted(x);
    var windows = x.allocate(batch * count(), size * size, channels);
    int at = 0;
    for (var group : groups()) {
      int end = at + batch * group.count();
      parts(windows.slice(0, at, end), group, batch).set(parts(shifted, group));
      at = end;
    }
    return windows;
  }

  /// `[B · R · S, N, C]` → `[B, H, W, C]`.
  Tensor join(Tensor windows, int batch) {
    int channels = windows.dim(2);
    var shifted = windows.allocate(batch, rows() * size, cols() * size, channels);
    int at = 0;
    for (var group : groups()) {
      int end = at + batch * group.count();
      parts(shifted, group).set(parts(windows.slice(0, at, end), group, batch));
      at = end;
    }
    if (shift == 0 && isWhole()) return shifted;
    var x = windows.allocate(batch, height, width, channels);
    for (var row : runs(height, rows()))
      for (var col : runs(width, cols()))
        if (row.source >= 0 && col.source >= 0) here(x, row, col).set(there(shifted, row, col));
    return x;
  }

  /// What one tensor of windows, `[B · R · S, …]` in the order of the groups, is in the order of their rows.
  Tensor inRows(Tensor windows, int batch) {
    if (shift == 0) return windows;
    int[] shape = windows.shape();
    int each = (int) (windows.size() / shape[0]), at = 0;
    var ordered = windows.allocate(batch, rows(), cols(), each);
    for (var group : groups()) {
      int end = at + batch * group.count();
      ordered.slice(1, group.rowFrom, group.rowTo).slice(2, group.colFrom, group.colTo)
          .set(windows.slice(0, at, end).reshape(batch, group.rows(), group.cols(), each));
      at = end;
    }
    return ordered.reshape(shape);
  }

  /// Windows of a group as `[B, rows, cols, size, size, C]`.
  private Tensor parts(Tensor windows, Group group, int batch) {
    return windows.reshape(batch, group.rows(), group.cols(), size, size, windows.dim(2));
  }

  /// The same view of a whole map.
  private Tensor parts(Tensor map, Group group) {
    return map.reshape(map.dim(0), rows(), size, cols(), size, map.dim(3)).slice(1, group.rowFrom, group.rowTo)
        .slice(3, group.colFrom, group.colTo).transposed(2, 3);
  }

  private boolean isWhole() {
    return height % size == 0 && width % size == 0;
  }

  private Tensor shifted(Tensor x) {
    if (shift == 0 && isWhole()) return x;
    var shifted = x.allocate(x.dim(0), rows() * size, cols() * size, x.dim(3));
    for (var row : runs(height, rows()))
      for (var col : runs(width, cols())) {
        var to = there(shifted, row, col);
        to.set(row.source < 0 || col.source < 0 ? zeros(to.shape()) : here(x, row, col));
      }
    return shifted;
  }

  /// The part of the map that two runs are of.
  private static Tensor here(Tensor map, Run row, Run col) {
    return part(map, row.source, row.count(), col.source, col.count());
  }

  /// The part of the shifted map that two runs are in.
  private static Tensor there(Tensor shifted, Run row, Run col) {
    return part(shifted, row.from, row.count(), col.from, col.count());
  }

  private static Tensor part(Tensor map, int row, int rows, int col, int cols) {
    return map.slice(1, row, row + rows).slice(2, col, col + cols);
  }

  /// The runs of a dimension of `length` positions and `windows` windows.
  private List<Run> runs(int length, int windows) {
    int padded = windows * size, before = padded - shift, first = Math.max(0, length - shift), last = Math.min(length, shift);
    var runs = new ArrayList<Run>();
    runs.add(new Run(0, first, shift));
    runs.add(new Run(first, before, -1));
    runs.add(new Run(before, before + last, 0));
    runs.add(new Run(before + last, padded, -1));
    return runs.stream().filter(run -> run.count() > 0).toList();
  }

  /// Zeros of any shape, in the memory of one.
  static Tensor zeros(int... shape) {
    var zeros = ZERO.select(0, 0);
    for (int i = shape.length - 1; i >= 0; i--) zeros = zeros.expand(shape[i]);
    return zeros;
  }
}
