package dev.fovea.converter.hub;

import java.time.Duration;

/// How long a hub is waited for.
///
/// @param connect until a connection stands
/// @param silence until an answer begins, and between two pieces of it
/// @param pause before the second attempt; it doubles from one to the next
/// @param longestPause that is waited, and that a hub may ask for
/// @param attempts in a row that may fail
record Patience(Duration connect, Duration silence, Duration pause, Duration longestPause, int attempts, Sleep sleep) {
  static final Patience USUAL = new Patience(Duration.ofSeconds(10), Duration.ofSeconds(30), Duration.ofSeconds(1),
      Duration.ofMinutes(2), 6, Thread::sleep);

  /// How one waits.
  @FunctionalInterface
  interface Sleep {
    void sleep(Duration time) throws InterruptedException;
  }

  /// What is waited after a number of failures in a row.
  Duration pauseAfter(int failures) {
    var doubled = pause.multipliedBy(1L << Math.min(failures - 1, 20));
    return doubled.compareTo(longestPause) < 0 ? doubled : longestPause;
  }
}
