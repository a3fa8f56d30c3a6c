package dev.fovea.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BinaryOperator;

/// The times of a pass, task by task and gap by gap, in nanoseconds.
///
/// @param after the time after the last operation
record TaskTimes(List<Step> steps, long after) {
  /// An operation.
  ///
  /// @param kind its name
  /// @param shape its sizes
  /// @param before the time since the operation before
  /// @param after the time after the last join; all of the operation's time if it has none
  record Step(String kind, String shape, long before, List<Join> joins, long after) {
    private Step least(Step other) {
      if (!kind.equals(other.kind) || !shape.equals(other.shape)) throw differ(kind + " " + shape, other.kind + " " + other.shape);
      return new Step(kind, shape, Math.min(before, other.before), zip(joins, other.joins, Join::least),
          Math.min(after, other.after));
    }
  }

  /// Tasks that threads share.
  ///
  /// @param before the time before them, within their operation
  /// @param tasks the time of each task
  record Join(long before, long[] tasks) {
    private Join least(Join other) {
      if (tasks.length != other.tasks.length) throw differ(tasks.length + " tasks", other.tasks.length);
      var least = new long[tasks.length];
      for (int i = 0; i < least.length; i++) least[i] = Math.min(tasks[i], other.tasks[i]);
      return new Join(Math.min(before, other.before), least);
    }

    /// The time of all tasks.
    long work() {
      return Arrays.stream(tasks).sum();
    }
  }

  /// The lesser of two times each, so that what disturbs one of two passes does not count.
  ///
  /// @throws IllegalStateException if the passes have different operations or tasks
  TaskTimes least(TaskTimes other) {
    return new TaskTimes(zip(steps, other.steps, Step::least), Math.min(after, other.after));
  }

  private static <T> List<T> zip(List<T> first, List<T> second, BinaryOperator<T> operator) {
    if (first.size() != second.size()) throw differ(first.size() + " operations or joins", second.size());
    var zipped = new ArrayList<T>();
    for (int i = 0; i < first.size(); i++) zipped.add(operator.apply(first.get(i), second.get(i)));
    return List.copyOf(zipped);
  }

  private static IllegalStateException differ(String first, Object second) {
    return new IllegalStateException("two passes differ: " + first + ", then " + second);
  }
}
