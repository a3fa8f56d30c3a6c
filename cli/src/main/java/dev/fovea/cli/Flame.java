package dev.fovea.cli;

import java.util.ArrayList;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// Operations in the order of time, inside the methods that were at work.
///
/// A method that starts again, because a loop repeats or it is called again, gets a box of its own. One that is called again from
/// the same line with nothing between is told by the place in it, which is further up than before.
final class Flame {
  /// A method at work, or an operation.
  static final class Box {
    final int depth;
    /// In milliseconds from the start.
    final double start;
    /// Where the method is; null for an operation.
    @Nullable SourceFrame frame;
    /// Null for a method.
    final Trace.@Nullable Row row;
    private double ms;
    private int operations;

    private Box(int depth, double start, @Nullable SourceFrame frame, Trace.@Nullable Row row) {
      this.depth = depth;
      this.start = start;
      this.frame = frame;
      this.row = row;
    }

    /// The time of its operations, in milliseconds.
    double ms() {
      return ms;
    }

    int operations() {
      return operations;
    }
  }

  private final List<Box> boxes = new ArrayList<>();
  /// The methods at work, the outermost first.
  private final List<Box> open = new ArrayList<>();
  private double now;
  private int depth;

  /// @param frames of each operation, the outermost method first
  Flame(List<Trace.Row> rows, List<List<SourceFrame>> frames) {
    for (int i = 0; i < rows.size(); i++) add(rows.get(i), frames.get(i));
  }

  private void add(Trace.Row row, List<SourceFrame> frames) {
    int common = common(frames);
    open.subList(common, open.size()).clear();
    for (int i = 0; i < common; i++) open.get(i).frame = frames.get(i);
    for (int i = common; i < frames.size(); i++) open.add(box(i, frames.get(i), null));
    var operation = box(frames.size(), null, row);
    for (var method : open) grow(method, row.ms());
    grow(operation, row.ms());
    now += row.ms();
  }

  /// Number of methods at work that go on.
  private int common(List<SourceFrame> frames) {
    int i = 0;
    while (i < Math.min(open.size(), frames.size())) {
      var before = open.get(i).frame;
      if (!frames.get(i).mayContinue(before)) return i;
      i++;
      // From another place in it, what it calls is called anew.
      if (frames.get(i - 1).position() > before.position()) return i;
    }
    return i;
  }

  private Box box(int at, @Nullable SourceFrame frame, Trace.@Nullable Row row) {
    var box = new Box(at, now, frame, row);
    boxes.add(box);
    depth = Math.max(depth, at + 1);
    return box;
  }

  private static void grow(Box box, double ms) {
    box.ms += ms;
    box.operations++;
  }

  /// Each box before those inside it.
  List<Box> boxes() {
    return boxes;
  }

  /// Rows of boxes.
  int depth() {
    return depth;
  }

  /// The time of all operations, in milliseconds.
  double ms() {
    return now;
  }
}
