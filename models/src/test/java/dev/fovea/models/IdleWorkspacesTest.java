package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class IdleWorkspacesTest {
  private final Kernels kernels = KernelProvider.VECTOR.open(Workers.threads(1));

  @AfterEach
  void close() {
    kernels.close();
  }

  private IdleWorkspaces workspaces(Duration keep, IdleWorkspaces.Timer timer) {
    return new IdleWorkspaces(2, keep, () -> new Workspace(kernels), timer);
  }

  /// As in a container without another thread to start: the call that gives a workspace back has its result.
  @Test
  void aTimerThatFailsIsNoFailureOfACall() {
    for (var failure : new Throwable[] {new OutOfMemoryError("unable to create native thread"), new RejectedExecutionException()}) {
      var asked = new ArrayList<Long>();
      try (var workspaces = workspaces(Duration.ofNanos(1), (nanos, _) -> {
        asked.add(nanos);
        if (failure instanceof Error error) throw error;
        throw (RuntimeException) failure;
      })) {
        for (int i = 1; i <= 3; i++) {
          workspaces.borrow().close();
          assertThat(workspaces.held()).isEqualTo(new IdleWorkspaces.Held(0, 1, 0));
          assertThat(asked).as("asked again").hasSize(i);
        }
      }
    }
  }

  @Test
  void aClosedModelWaitsForNoTimer() {
    var alarms = new ArrayList<Future<?>>();
    try (var workspaces = workspaces(Duration.ofMinutes(1), (_, _) -> {
      alarms.add(new CompletableFuture<Void>());
      return alarms.getLast();
    })) {
      workspaces.borrow().close();
      workspaces.borrow().close();
      assertThat(alarms).hasSize(1).noneMatch(Future::isDone);
    }
    assertThat(alarms).allMatch(Future::isCancelled);
  }
}
