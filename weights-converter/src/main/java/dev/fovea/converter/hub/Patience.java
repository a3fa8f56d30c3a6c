package dev.fovea.converter.hub;

import java.time.Duration;

/// Timeouts and retries of requests to a hub.
///
/// @param connect timeout for a connection
/// @param silence timeout for the start of a response, and between its pieces
/// @param pause before the second attempt; it doubles for each further one
/// @param longestPause the longest pause, also if a hub asks for one
/// @param attempts failures in a row after which it gives up
record Patience(Duration connect, Duration silence, Duration pause, Duration longestPause, int attempts, Sleep sleep) {
  static final Patience USUAL = new Patience(Duration.ofSeconds(10), Duration.ofSeconds(30), Duration.ofSeconds(1),
      Duration.ofMinutes(2), 6, Thread::sleep);

  /// A way to wait.
  @FunctionalInterface
  interface Sleep {
    void sleep(Duration time) throws InterruptedException;
  }

  /// The pause after a number of failures in a row.
  Duration pauseAfter(int failures) {
    var doubled = pause.multipliedBy(1L << Math.min(failures - 1, 20));
    return doubled.compareTo(longestPause) < 0 ? doubled : longestPause;
  }
}
