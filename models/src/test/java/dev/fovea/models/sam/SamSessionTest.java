package dev.fovea.models.sam;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import dev.fovea.models.Demo;
import dev.fovea.models.OpenOptions;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Sessions in a server: closed while calls run, forgotten, and shared by mistake.
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SamSessionTest {
  private static final Picture SCENE = Picture.read(Demo.SCENES.resolve("00.png"));
  private static final Prompt PROMPT = Prompt.point(98.5f, 95.5f);

  @TempDir
  private Path folder;
  private final Kernels kernels = KernelProvider.VECTOR.open(Workers.threads(2));
  private final MaskPredictor predictor = MaskPredictor.of(Demo.model("sam"), kernels);
  private final CountDownLatch arrived = new CountDownLatch(1), gate = new CountDownLatch(1);

  @AfterEach
  @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void close() {
    predictor.close();
    kernels.close();
  }

  private SamSession session() {
    var session = predictor.session();
    session.setImage(SCENE);
    return session;
  }

  /// A listener that stops a call at its first operation.
  private Progress stop() {
    var first = new AtomicInteger();
    return (_, _) -> {
      if (first.getAndIncrement() > 0) return;
      arrived.countDown();
      try {
        gate.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    };
  }

  private static void requireRefusal(String message, ThrowingCallable... calls) {
    for (var call : calls) assertThatThrownBy(call).isInstanceOf(IllegalStateException.class).hasMessage(message);
  }

  private void requireRefusals(String message, SamSession session) {
    requireRefusal(message, () -> session.setImage(SCENE), () -> session.best(PROMPT), () -> session.predict(PROMPT, true),
        session::width, session::height, session::knowsPicture, () -> session.save(folder.resolve("saved")),
        () -> session.load(folder.resolve("saved")), () -> session.logits(SCENE));
  }

  @Test
  void sessionsThatNobodyCloses() {
    var left = new ArrayList<SamSession>();
    for (int i = 0; i < 30; i++) left.add(session());
    var held = predictor.memory();
    assertThat(held.sessions()).isEqualTo(30);
    assertThat(left.getFirst().bytes()).isPositive();
    assertThat(held.sessionBytes()).isEqualTo(30 * left.getFirst().bytes());
    // They have one workspace together, as they ran one after the other.
    assertThat(held.idleWorkspaces()).isEqualTo(1);
    left.removeFirst().close();
    assertThat(predictor.memory().sessions()).isEqualTo(29);
    predictor.close();
    assertThat(predictor.memory().bytes()).isZero();
    for (var session : left) {
      assertThat(session.bytes()).isZero();
      requireRefusals("demo: the model is closed", session);
      session.close();
    }
  }

  /// A picture's embedding does not depend on the workspace in which it was computed.
  @Test
  void trimmedBetweenCalls() {
    var session = session();
    var expected = session.predict(PROMPT, true).getFirst().logits();
    predictor.trim();
    assertThat(predictor.memory().workspaceBytes()).isZero();
    assertThat(session.predict(PROMPT, true).getFirst().logits()).isEqualTo(expected);
  }

  @Test
  void twoThreadsAtOnce() throws Exception {
    var session = session();
    var expected = session.best(PROMPT).logits();
    try (var pool = Executors.newVirtualThreadPerTaskExecutor()) {
      var call = pool.submit(() -> session.setImage(SCENE, stop()));
      arrived.await();
      requireRefusals("the session is in use by another thread: one thread uses a session at a time", session);
      gate.countDown();
      call.get();
      // One after the other.
      assertThat(pool.submit(() -> session.best(PROMPT).logits()).get()).isEqualTo(expected);
      assertThat(session.best(PROMPT).logits()).isEqualTo(expected);
    }
  }

  @Test
  void closedWhileACallRuns() throws Exception {
    var session = session();
    try (var pool = Executors.newVirtualThreadPerTaskExecutor()) {
      var call = pool.submit(() -> session.setImage(SCENE, stop()));
      arrived.await();
      var closers = new ArrayList<Future<?>>();
      for (int i = 0; i < 2; i++) closers.add(pool.submit(session::close));
      Thread.sleep(100);
      assertThat(closers).noneMatch(Future::isDone);
      gate.countDown();
      call.get();
      for (var closer : closers) closer.get();
      assertThat(session.bytes()).isZero();
      requireRefusals("the session is closed", session);
      session.close();
    }
  }

  @Test
  void closedByACallback() {
    var session = session();
    session.setImage(SCENE, (_, _) -> session.close());
    assertThat(session.bytes()).isZero();
    assertThat(predictor.memory().sessions()).isZero();
    requireRefusals("the session is closed", session);

    var other = session();
    other.setImage(SCENE, (_, _) -> predictor.close());
    assertThat(other.bytes()).isZero();
    assertThat(predictor.memory().bytes()).isZero();
    requireRefusals("demo: the model is closed", other);
  }

  @Test
  void thePredictorClosedWhileEverythingIsFound() throws Exception {
    var settings = new AutomaticMasks.Settings(4, 0.5, 0.5, 1, 0.7, 0, 0.7, 512.0 / 1500, 1, 0);
    var masks = new AutomaticMasks(predictor, settings);
    int expected = masks.of(SCENE, _ -> {}).size();
    assertThat(expected).isPositive();
    try (var pool = Executors.newVirtualThreadPerTaskExecutor()) {
      var stop = stop();
      var call = pool.submit(() -> masks.of(SCENE, _ -> stop.advanced(0, 0)));
      arrived.await();
      var closer = pool.submit(predictor::close);
      Thread.sleep(100);
      assertThat(closer.isDone()).isFalse();
      gate.countDown();
      assertThat(call.get()).hasSize(expected);
      closer.get();
    }
    requireRefusal("demo: the model is closed", () -> masks.of(SCENE, _ -> {}), predictor::session);
  }

  /// Whatever the moment, a call gives its result or a documented exception.
  @Test
  void closedAtAnyMoment() throws Exception {
    var expected = session().best(PROMPT).logits();
    try (var pool = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int round = 0; round < 20; round++) {
        var session = session();
        var call = pool.submit(() -> {
          while (true) assertThat(session.best(PROMPT).logits()).isEqualTo(expected);
        });
        Thread.sleep(round % 5);
        session.close();
        assertThat(session.bytes()).isZero();
        assertThatThrownBy(call::get).isInstanceOf(ExecutionException.class).cause().isInstanceOf(IllegalStateException.class)
            .hasMessage("the session is closed");
      }
    }
  }

  /// The model's checksum goes into the file of an embedding.
  @Test
  void savedAfterTheMappedModelWasTruncated() throws IOException {
    Path model = Demo.copy("sam", folder), saved = folder.resolve("saved");
    try (var mapped = MaskPredictor.open(model, OpenOptions.DEFAULT.withResidency(Residency.MAPPED)); var session = mapped.session()) {
      session.setImage(SCENE);
      session.save(saved);
      session.load(saved);
      try (var channel = FileChannel.open(model, StandardOpenOption.WRITE)) {
        channel.truncate(0);
      }
      for (ThrowingCallable call : new ThrowingCallable[] {() -> session.save(saved), () -> session.load(saved)})
        assertThatThrownBy(call).isInstanceOf(CheckpointException.class).hasMessageContaining("was truncated while in use");
    }
  }
}
