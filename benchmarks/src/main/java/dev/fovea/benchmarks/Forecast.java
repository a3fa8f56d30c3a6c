package dev.fovea.benchmarks;

import dev.fovea.benchmarks.TaskTimes.Join;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/// The time that a number of threads could reach for operations whose tasks were timed on one thread.
///
/// Tasks keep their time: threads that wait for memory, share a cache or lower the clock rate are not foreseen.
///
/// @param operations the number of operations
/// @param joins the number of times that threads share tasks
/// @param tasks the number of these tasks
/// @param serial the time outside the tasks
/// @param work the time of all tasks on one thread
/// @param ideal the time of the tasks by [Schedule] where all threads begin at once
/// @param shared the same where the caller's helpers begin late, as measured by [ForkJoin]
record Forecast(int threads, int operations, int joins, int tasks, long serial, long work, long ideal, long shared) {
  /// The key of what lies between operations.
  static final String BETWEEN = "between operations";

  /// Forecasts of groups of operations, in the order of their first operations, and of what lies [#BETWEEN] operations.
  ///
  /// @param times of a pass whose tasks were cut for that number of threads
  /// @param group the group of an operation
  static Map<String, Forecast> of(TaskTimes times, int threads, ForkJoin cost, Function<TaskTimes.Step, String> group) {
    var groups = new LinkedHashMap<String, Forecast>();
    long pause = 0;
    for (var step : times.steps()) {
      add(groups, BETWEEN, serial(threads, 0, step.before()));
      pause += step.before();
      var forecast = serial(threads, 1, step.after());
      for (var join : step.joins()) {
        forecast = forecast.plus(of(join, threads, cost.late(threads, pause + join.before())));
        pause = 0;
      }
      pause += step.after();
      add(groups, group.apply(step), forecast);
    }
    add(groups, BETWEEN, serial(threads, 0, times.after()));
    return groups;
  }

  /// The forecast of a whole pass.
  static Forecast of(TaskTimes times, int threads, ForkJoin cost) {
    return of(times, threads, cost, _ -> "").values().stream().reduce(Forecast::plus).orElseThrow();
  }

  private static Forecast of(Join join, int threads, long late) {
    return new Forecast(threads, 0, 1, join.tasks().length, join.before(), join.work(), Schedule.end(join.tasks(), threads, 0),
        Schedule.end(join.tasks(), threads, late));
  }

  private static Forecast serial(int threads, int operations, long time) {
    return new Forecast(threads, operations, 0, 0, time, 0, 0, 0);
  }

  private static void add(Map<String, Forecast> groups, String key, Forecast forecast) {
    groups.merge(key, forecast, Forecast::plus);
  }

  /// The sum of two forecasts for the same number of threads.
  Forecast plus(Forecast o) {
    return new Forecast(threads, operations + o.operations, joins + o.joins, tasks + o.tasks, serial + o.serial, work + o.work,
        ideal + o.ideal, shared + o.shared);
  }

  /// The time with these threads.
  long time() {
    return serial + shared;
  }

  /// The time on one thread.
  long alone() {
    return serial + work;
  }

  /// The share of the threads' time that tasks take while threads share them, if all begin at once: 1 if they end together, too.
  /// NaN without tasks.
  double efficiency() {
    return ideal == 0 ? Double.NaN : (double) work / threads / ideal;
  }
}
