package dev.fovea.models.argument;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;

/// Checks of a call's arguments, which come before its work. Their messages name the parameter.
public final class Arguments {
  /// Limit of the values of a batch: the largest array of Java.
  public static final int MAX_VALUES = Integer.MAX_VALUE - 8;

  private Arguments() {}

  /// A copy of a list argument.
  ///
  /// @throws NullPointerException if the list is null, with the message `name`, or an element is, with the message `name[index]`
  public static <T> List<T> elements(List<T> list, String name) {
    var copy = Collections.unmodifiableList(new ArrayList<>(Objects.requireNonNull(list, name)));
    int missing = copy.indexOf(null);
    if (missing >= 0) throw new NullPointerException(name + "[" + missing + "]");
    return copy;
  }

  /// The number of results wanted.
  ///
  /// @throws IllegalArgumentException if it is not positive
  public static int top(int top) {
    if (top < 1) throw new IllegalArgumentException("top: expected at least 1, got " + top);
    return top;
  }

  /// Checks the size of a batch.
  ///
  /// @param shape of one input
  /// @throws IllegalArgumentException if `count` of them are more than [#MAX_VALUES] values
  public static void requireFits(String name, int count, int... shape) {
    double one = Arrays.stream(shape).asDoubleStream().reduce(1, (a, b) -> a * b);
    if (count * one > MAX_VALUES)
      throw new IllegalArgumentException(name + ": expected at most " + (int) (MAX_VALUES / one) + " inputs "
          + Arrays.toString(shape) + " in a batch, got " + count);
  }
}
