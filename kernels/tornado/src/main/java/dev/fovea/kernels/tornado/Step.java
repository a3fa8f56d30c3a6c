package dev.fovea.kernels.tornado;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import org.jetbrains.annotations.Nullable;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.WorkerGrid;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task10;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task11;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task12;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task3;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task4;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task5;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task6;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task7;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task8;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task9;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// One kernel with its arguments: a task of a device's graph, and a call in plain Java.
///
/// @param name the kernel's name
/// @param grid the work items; null if the graph may choose them
/// @param arrays the arguments that are arrays, each once
/// @param task adds the kernel to a graph under a name
/// @param java calls the kernel
record Step(String name, @Nullable WorkerGrid grid, List<Object> arrays, BiConsumer<TaskGraph, String> task, Runnable java) {
  /// Work items of a group, for kernels that do not depend on it.
  static final int GROUP = 64;
  /// Work items for any number of iterations; the loops stride over the rest.
  private static final int MOST_ITEMS = 1 << 24;

  /// Adds the kernel to a graph under a name that is unique there.
  void addTo(TaskGraph graph, String id) {
    task.accept(graph, id);
  }

  /// Runs the kernel in plain Java on the calling thread.
  void runAsJava() {
    java.run();
  }

  /// About one work item for each iteration of a `@Parallel` loop, in whole groups.
  static WorkerGrid iterations(int count) {
    int items = Math.ceilDiv(Math.clamp(count, 1, MOST_ITEMS), GROUP) * GROUP;
    var grid = new WorkerGrid1D(items);
    grid.setLocalWork(GROUP, 1, 1);
    return grid;
  }

  /// A step of 3 arguments.
  static <A, B, C> Step of(String name, @Nullable WorkerGrid grid, Task3<A, B, C> code, A a, B b, C c) {
    return new Step(name, grid, arrays(a, b, c), (graph, id) -> graph.task(id, code, a, b, c), () -> code.apply(a, b, c));
  }

  /// A step of 4 arguments.
  static <A, B, C, D> Step of(String name, @Nullable WorkerGrid grid, Task4<A, B, C, D> code, A a, B b, C c, D d) {
    return new Step(name, grid, arrays(a, b, c, d), (graph, id) -> graph.task(id, code, a, b, c, d), () -> code.apply(a, b, c, d));
  }

  /// A step of 5 arguments.
  static <A, B, C, D, E> Step of(String name, @Nullable WorkerGrid grid, Task5<A, B, C, D, E> code, A a, B b, C c, D d, E e) {
    return new Step(name, grid, arrays(a, b, c, d, e),
        (graph, id) -> graph.task(id, code, a, b, c, d, e),
        () -> code.apply(a, b, c, d, e));
  }

  /// A step of 6 arguments.
  static <A, B, C, D, E, F> Step of(String name, @Nullable WorkerGrid grid,
      Task6<A, B, C, D, E, F> code, A a, B b, C c, D d, E e, F f) {
    return new Step(name, grid, arrays(a, b, c, d, e, f),
        (graph, id) -> graph.task(id, code, a, b, c, d, e, f),
        () -> code.apply(a, b, c, d, e, f));
  }

  /// A step of 7 arguments.
  static <A, B, C, D, E, F, G> Step of(String name, @Nullable WorkerGrid grid,
      Task7<A, B, C, D, E, F, G> code, A a, B b, C c, D d, E e, F f, G g) {
    return new Step(name, grid, arrays(a, b, c, d, e, f, g),
        (graph, id) -> graph.task(id, code, a, b, c, d, e, f, g),
        () -> code.apply(a, b, c, d, e, f, g));
  }

  /// A step of 8 arguments.
  static <A, B, C, D, E, F, G, H> Step of(String name, @Nullable WorkerGrid grid,
      Task8<A, B, C, D, E, F, G, H> code, A a, B b, C c, D d, E e, F f, G g, H h) {
    return new Step(name, grid, arrays(a, b, c, d, e, f, g, h),
        (graph, id) -> graph.task(id, code, a, b, c, d, e, f, g, h),
        () -> code.apply(a, b, c, d, e, f, g, h));
  }

  /// A step of 9 arguments.
  static <A, B, C, D, E, F, G, H, I> Step of(String name, @Nullable WorkerGrid grid,
      Task9<A, B, C, D, E, F, G, H, I> code, A a, B b, C c, D d, E e, F f, G g, H h, I i) {
    return new Step(name, grid, arrays(a, b, c, d, e, f, g, h, i),
        (graph, id) -> graph.task(id, code, a, b, c, d, e, f, g, h, i),
        () -> code.apply(a, b, c, d, e, f, g, h, i));
  }

  /// A step of 10 arguments.
  static <A, B, C, D, E, F, G, H, I, J> Step of(String name, @Nullable WorkerGrid grid,
      Task10<A, B, C, D, E, F, G, H, I, J> code, A a, B b, C c, D d, E e, F f, G g, H h, I i, J j) {
    return new Step(name, grid, arrays(a, b, c, d, e, f, g, h, i, j),
        (graph, id) -> graph.task(id, code, a, b, c, d, e, f, g, h, i, j),
        () -> code.apply(a, b, c, d, e, f, g, h, i, j));
  }

  /// A step of 11 arguments.
  static <A, B, C, D, E, F, G, H, I, J, K> Step of(String name, @Nullable WorkerGrid grid,
      Task11<A, B, C, D, E, F, G, H, I, J, K> code, A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k) {
    return new Step(name, grid, arrays(a, b, c, d, e, f, g, h, i, j, k),
        (graph, id) -> graph.task(id, code, a, b, c, d, e, f, g, h, i, j, k),
        () -> code.apply(a, b, c, d, e, f, g, h, i, j, k));
  }

  /// A step of 12 arguments.
  static <A, B, C, D, E, F, G, H, I, J, K, L> Step of(String name, @Nullable WorkerGrid grid,
      Task12<A, B, C, D, E, F, G, H, I, J, K, L> code, A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k, L l) {
    return new Step(name, grid, arrays(a, b, c, d, e, f, g, h, i, j, k, l),
        (graph, id) -> graph.task(id, code, a, b, c, d, e, f, g, h, i, j, k, l),
        () -> code.apply(a, b, c, d, e, f, g, h, i, j, k, l));
  }

  private static List<Object> arrays(Object... arguments) {
    var arrays = new ArrayList<Object>();
    for (var argument : arguments)
      if ((argument instanceof FloatArray || argument instanceof IntArray || argument instanceof ByteArray)
          && arrays.stream().noneMatch(array -> array == argument)) arrays.add(argument);
    return arrays;
  }
}
