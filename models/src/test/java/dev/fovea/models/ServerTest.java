package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.WarmUp;
import dev.fovea.kernels.Workers;
import dev.fovea.models.sam.MaskPredictor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A model in a server: what it holds between calls, whose threads it uses, and how it is closed while calls run.
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ServerTest {
  private static final int PROCESSORS = Runtime.getRuntime().availableProcessors();
  private static final OpenModel.Input SMALL = picture(32), LARGE = picture(256);

  @TempDir
  private Path folder;

  private Path write(SmallModel model) {
    return model.write(folder.resolve("model.safetensors"));
  }

  private OpenModel open() {
    return OpenModel.open(write(SmallModel.VIT));
  }

  private OpenModel openKeeping(long millis) {
    return OpenModel.open(write(SmallModel.VIT), OpenOptions.DEFAULT, Duration.ofMillis(millis));
  }

  private static OpenModel.Input picture(int side) {
    var values = new float[3 * side * side];
    for (int i = 0; i < values.length; i++) values[i] = (float) Math.sin(i);
    return new OpenModel.Input(values, 1, 3, side, side);
  }

  private static float[] run(OpenModel opened, OpenModel.Input picture, Progress progress) {
    return opened.run("one", picture, ((ClassifiesPictures) opened.model())::logits, progress);
  }

  private static float[] run(OpenModel opened) {
    return run(opened, SMALL, Progress.NONE);
  }

  private static void await(String what, BooleanSupplier condition) throws InterruptedException {
    for (int i = 0; i < 3000 && !condition.getAsBoolean(); i++) Thread.sleep(10);
    assertThat(condition.getAsBoolean()).as(what).isTrue();
  }

  /// A listener that stops each call at its first operation until `gate` opens.
  private static Progress stop(CountDownLatch arrived, CountDownLatch gate) {
    var first = new AtomicInteger();
    return (_, _) -> {
      if (first.getAndIncrement() > 0) return;
      arrived.countDown();
      await(gate);
    };
  }

  private static void await(CountDownLatch gate) {
    try {
      gate.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aBurstOfCallersLeavesAsManyWorkspacesAsProcessors() throws Exception {
    try (var opened = open(); var pool = Executors.newVirtualThreadPerTaskExecutor()) {
      var expected = run(opened);
      CountDownLatch arrived = new CountDownLatch(200), gate = new CountDownLatch(1);
      var calls = new ArrayList<Future<float[]>>();
      for (int i = 0; i < 200; i++) calls.add(pool.submit(() -> run(opened, SMALL, stop(arrived, gate))));
      arrived.await();
      var during = opened.memory();
      assertThat(during.busyWorkspaces()).isEqualTo(200);
      assertThat(during.idleWorkspaces()).isZero();
      gate.countDown();
      for (var call : calls) assertThat(call.get()).isEqualTo(expected);
      var after = opened.memory();
      assertThat(after.busyWorkspaces()).isZero();
      assertThat(after.idleWorkspaces()).isEqualTo(PROCESSORS);
      assertThat(after.workspaceBytes()).isEqualTo(during.workspaceBytes() / 200 * PROCESSORS).isPositive();
    }
  }

  @Test
  void idleWorkspacesGoAfterAWhile() throws InterruptedException {
    try (var opened = openKeeping(200)) {
      var expected = run(opened);
      for (int i = 0; i < 2; i++) {
        assertThat(opened.memory().workspaceBytes()).isPositive();
        await("no call, and yet no workspace", () -> opened.memory().idleWorkspaces() == 0);
        assertThat(opened.memory().workspaceBytes()).isZero();
        assertThat(run(opened)).isEqualTo(expected);
      }
    }
  }

  /// Also where the workspace is never idle for long.
  @Test
  void aLargePictureIsForgotten() throws InterruptedException {
    try (var opened = openKeeping(200)) {
      run(opened);
      long small = opened.memory().workspaceBytes();
      run(opened, LARGE, Progress.NONE);
      long large = opened.memory().workspaceBytes();
      assertThat(large).isGreaterThan(10 * small);
      run(opened);
      assertThat(opened.memory().workspaceBytes()).isEqualTo(large);
      await("a small workspace", () -> {
        run(opened);
        var held = opened.memory();
        return held.workspaceBytes() == small && held.idleWorkspaces() == 1;
      });
    }
  }

  @Test
  void trimmed() {
    try (var opened = open()) {
      var expected = run(opened, LARGE, Progress.NONE);
      var before = opened.memory();
      assertThat(before.idleWorkspaces()).isEqualTo(1);
      assertThat(before.constantBytes()).as("resampled positions").isPositive();
      assertThat(before.weightBytes()).isEqualTo(opened.checkpoint().size());
      assertThat(before.bytes()).isEqualTo(before.weightBytes() + before.workspaceBytes() + before.constantBytes());
      opened.trim();
      assertThat(opened.memory()).isEqualTo(new MemoryUse(before.weightBytes(), 0, 0, 0, 0, 0, 0));
      // A running call goes on.
      assertThat(run(opened, LARGE, (_, _) -> opened.trim())).isEqualTo(expected);
      assertThat(run(opened, LARGE, Progress.NONE)).isEqualTo(expected);
    }
    assertThat(new MemoryUse(3 << 20, 3 << 19, 1, 2, 1 << 10, 0, 4)).hasToString("4.5 MiB: weights 3.0 MiB, workspaces 1.5 MiB "
        + "(1 idle, 2 busy), constants 0.0 MiB, sessions 0.0 MiB (4 open)");
  }

  private static long workerThreads() {
    return Thread.getAllStackTraces().keySet().stream().filter(thread -> thread.getName().startsWith("fovea-worker-")).count();
  }

  @Test
  void fiftyModelsShareOneSetOfThreads() throws InterruptedException {
    var file = write(SmallModel.VIT);
    long before = workerThreads();
    var opened = new ArrayList<OpenModel>();
    for (int i = 0; i < 50; i++) opened.add(OpenModel.open(file));
    assertThat(workerThreads()).isLessThanOrEqualTo(before + PROCESSORS - 1);
    assertThat(opened).extracting(each -> each.kernels().threads()).containsOnly(PROCESSORS);
    var expected = run(opened.getFirst());
    for (var each : opened) assertThat(run(each)).isEqualTo(expected);
    opened.removeLast().close();
    opened.forEach(each -> assertThat(run(each)).isEqualTo(expected));
    opened.forEach(OpenModel::close);
    await("no thread is left", () -> workerThreads() <= before);
  }

  @Test
  void workersOfTheCallerStayOpen() throws InterruptedException {
    var file = write(SmallModel.VIT);
    long before = workerThreads();
    try (var workers = Workers.threads(3)) {
      for (int i = 0; i < 2; i++)
        try (var opened = ImageClassifier.open(file, OpenOptions.DEFAULT.withWorkers(workers))) {
          assertThat(opened.toString()).endsWith("on 3 threads");
          assertThat(workerThreads()).isEqualTo(before + 2);
        }
      Thread.sleep(50);
      assertThat(workerThreads()).isEqualTo(before + 2);
    }
    await("no thread is left", () -> workerThreads() <= before);
  }

  @Test
  void closedWhileACallRuns() throws Exception {
    var opened = open();
    try (var pool = Executors.newVirtualThreadPerTaskExecutor()) {
      var expected = run(opened);
      CountDownLatch arrived = new CountDownLatch(1), gate = new CountDownLatch(1);
      var call = pool.submit(() -> run(opened, SMALL, stop(arrived, gate)));
      arrived.await();
      var closers = List.of(pool.submit(opened::close), pool.submit(opened::close));
      await("marked", () -> opened.toString().endsWith(", closed"));
      requireClosed(opened);
      assertThat(opened.memory().weightBytes()).as("in use").isPositive();
      assertThat(closers).noneMatch(Future::isDone);
      gate.countDown();
      assertThat(call.get()).isEqualTo(expected);
      for (var closer : closers) closer.get();
      requireFree(opened);
      opened.close();
      opened.trim();
    }
  }

  private static void requireClosed(OpenModel opened) {
    var message = opened.name() + ": the model is closed";
    assertThatThrownBy(() -> run(opened)).isInstanceOf(IllegalStateException.class).hasMessage(message);
    assertThatThrownBy(opened::session).isInstanceOf(IllegalStateException.class).hasMessage(message);
    assertThatThrownBy(opened::tokenizer).isInstanceOf(IllegalStateException.class).hasMessage(message);
    assertThatThrownBy(() -> opened.call(() -> 1)).isInstanceOf(IllegalStateException.class).hasMessage(message);
  }

  private static void requireFree(OpenModel opened) {
    requireClosed(opened);
    assertThat(opened.memory()).isEqualTo(new MemoryUse(0, 0, 0, 0, 0, 0, 0));
    var tensor = opened.checkpoint().tensors().values().iterator().next();
    assertThatThrownBy(tensor::toFloats).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void closedByACallback() {
    var opened = open();
    var expected = run(opened);
    assertThat(run(opened, SMALL, (_, _) -> opened.close())).isEqualTo(expected);
    requireFree(opened);
  }

  /// Each waits for nobody, else both would wait for ever.
  @Test
  void twoModelsClosedByCallbacksOfEachOther() throws Exception {
    OpenModel a = open(), b = open();
    var expected = run(a);
    var barrier = new CyclicBarrier(2);
    try (var pool = Executors.newVirtualThreadPerTaskExecutor()) {
      var calls = List.of(pool.submit(() -> run(a, SMALL, closing(b, barrier))),
          pool.submit(() -> run(b, SMALL, closing(a, barrier))));
      for (var call : calls) assertThat(call.get()).isEqualTo(expected);
    }
    requireFree(a);
    requireFree(b);
  }

  private static Progress closing(OpenModel other, CyclicBarrier barrier) {
    var first = new AtomicInteger();
    return (_, _) -> {
      if (first.getAndIncrement() > 0) return;
      try {
        barrier.await();
        other.close();
        barrier.await();
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    };
  }

  /// Passes of one call go on after the model is closed to others.
  @Test
  void aCallOfSeveralPassesEndsNormally() {
    var opened = open();
    var expected = run(opened);
    opened.call(() -> {
      opened.close();
      assertThat(opened.memory().weightBytes()).isPositive();
      for (int i = 0; i < 3; i++) assertThat(run(opened)).isEqualTo(expected);
      return null;
    });
    requireFree(opened);
  }

  @Test
  void aCallThatFailsIsOver() throws Exception {
    var opened = open();
    assertThatThrownBy(() -> run(opened, SMALL, (_, _) -> {
      throw new IllegalArgumentException("mine");
    })).hasMessage("mine");
    opened.close();
    requireFree(opened);
  }

  @Test
  void anInterruptDoesNotEndTheWait() throws Exception {
    var opened = open();
    CountDownLatch arrived = new CountDownLatch(1), gate = new CountDownLatch(1);
    try (var pool = Executors.newVirtualThreadPerTaskExecutor()) {
      var call = pool.submit(() -> run(opened, SMALL, stop(arrived, gate)));
      arrived.await();
      var interrupted = new AtomicReference<Boolean>();
      var closer = Thread.ofVirtual().start(() -> {
        Thread.currentThread().interrupt();
        opened.close();
        interrupted.set(Thread.currentThread().isInterrupted());
      });
      assertThat(closer.join(Duration.ofMillis(100))).isFalse();
      gate.countDown();
      call.get();
      closer.join();
      assertThat(interrupted).hasValue(true);
    }
    requireFree(opened);
  }

  /// Whatever the moment, a call gives its result or the documented exception.
  @Test
  void closedAtAnyMoment() throws Exception {
    var file = write(SmallModel.VIT);
    for (int round = 0; round < 40; round++) {
      var opened = OpenModel.open(file);
      var expected = run(opened);
      var done = new AtomicInteger();
      try (var pool = Executors.newVirtualThreadPerTaskExecutor()) {
        var callers = new ArrayList<Future<?>>();
        for (int i = 0; i < 8; i++)
          callers.add(pool.submit(() -> {
            while (true) {
              assertThat(run(opened)).isEqualTo(expected);
              done.incrementAndGet();
            }
          }));
        int wanted = round;
        await("calls run", () -> done.get() >= wanted);
        var other = pool.submit(opened::close);
        opened.close();
        requireFree(opened);
        other.get();
        for (var caller : callers)
          assertThatThrownBy(caller::get).isInstanceOf(ExecutionException.class).cause()
              .isInstanceOf(IllegalStateException.class).hasMessage(file + ": the model is closed");
      }
    }
  }

  @Test
  void sessionsAreClosedWithTheirModel() {
    var opened = open();
    var states = new ArrayList<Arena>();
    for (int i = 0; i < 200; i++) {
      var session = opened.session();
      var state = Arena.ofShared();
      states.add(state);
      session.use(() -> {
        session.keep(state, 100);
        return null;
      });
      if (i % 2 == 0) session.close();
    }
    assertThat(opened.memory().sessions()).isEqualTo(100);
    assertThat(opened.memory().sessionBytes()).isEqualTo(10_000);
    for (int i = 0; i < 200; i++) assertThat(states.get(i).scope().isAlive()).isEqualTo(i % 2 == 1);
    opened.close();
    assertThat(states).noneMatch(state -> state.scope().isAlive());
    requireFree(opened);
  }

  @Test
  void whatASessionKeeps() {
    try (var opened = open()) {
      Arena first = Arena.ofShared(), second = Arena.ofShared();
      var session = opened.session();
      assertThatThrownBy(session::workspace).isInstanceOf(IllegalStateException.class)
          .hasMessage("expected a call inside ModelSession.use");
      assertThatThrownBy(() -> session.keep(first, 1)).isInstanceOf(IllegalStateException.class);
      session.use(() -> {
        session.keep(first, 1);
        session.keep(second, 2);
        assertThat(session.use(session::workspace)).isSameAs(session.workspace());
        session.close();
        assertThat(second.scope().isAlive()).isTrue();
        return null;
      });
      assertThat(first.scope().isAlive()).isFalse();
      assertThat(second.scope().isAlive()).isFalse();
      assertThatThrownBy(() -> session.use(() -> 1)).isInstanceOf(IllegalStateException.class).hasMessage("the session is closed");
      assertThat(opened.memory().sessions()).isZero();
      assertThat(opened.memory().busyWorkspaces()).isZero();
    }
  }

  /// A session's passes differ in size, and the last is not the largest.
  @Test
  void aWorkspaceInUseStaysAsLargeAsItsLargestPass() throws InterruptedException {
    try (var opened = openKeeping(50); var session = opened.session(); var arena = Arena.ofShared()) {
      Tensor large = tensor(arena, LARGE), small = tensor(arena, SMALL);
      UnaryOperator<Tensor> logits = ((ClassifiesPictures) opened.model())::logits;
      for (int i = 0; i < 30; i++) {
        session.use(() -> {
          session.workspace().run("large", large, logits, List::of);
          return session.workspace().run("small", small, logits, List::of);
        });
        assertThat(opened.memory().idleWorkspaces()).as("use %s", i).isEqualTo(1);
        Thread.sleep(10);
      }
    }
  }

  private static Tensor tensor(Arena arena, OpenModel.Input input) {
    return Tensor.of(arena, input.values(), input.shape());
  }

  /// What a caller keeps may refuse to be closed by another thread, or be closed already. The rest is freed nevertheless.
  @Test
  void whatASessionKeepsDoesNotHinderTheClosing() throws Exception {
    long before = workerThreads();
    var opened = OpenModel.open(write(SmallModel.VIT), OpenOptions.DEFAULT.withResidency(Residency.MAPPED));
    var shared = Arena.ofShared();
    Arena[] states = {Arena.ofConfined(), Arena.ofAuto(), Arena.ofShared(), shared};
    states[2].close();
    for (var state : states) {
      var session = opened.session();
      session.use(() -> {
        session.keep(state, 1);
        return null;
      });
    }
    run(opened);
    var closer = new AtomicReference<Throwable>();
    Thread.ofPlatform().uncaughtExceptionHandler((_, e) -> closer.set(e)).start(opened::close).join();
    assertThat(closer.get()).as("what could not be closed").isInstanceOf(RuntimeException.class);
    assertThat(shared.scope().isAlive()).isFalse();
    requireFree(opened);
    await("no thread is left", () -> workerThreads() <= before);
  }

  @Test
  void keptAgain() {
    try (var opened = open(); var session = opened.session()) {
      var state = Arena.ofShared();
      session.use(() -> {
        session.keep(state, 1);
        session.keep(state, 2);
        return null;
      });
      assertThat(state.scope().isAlive()).isTrue();
      assertThat(session.bytes()).isEqualTo(2);
    }
  }

  @Test
  void aFileThatIsTruncatedWhileTheModelIsMade() throws IOException {
    var file = write(SmallModel.VIT);
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(1)); var checkpoint = Checkpoint.open(file)) {
      Files.write(file, new byte[0]);
      assertThatThrownBy(() -> OpenModel.of(checkpoint, kernels)).isInstanceOf(CheckpointException.class)
          .hasMessageContaining("was truncated while in use");
      assertThatThrownBy(checkpoint.tensors().values().iterator().next()::toFloats).isInstanceOf(IllegalStateException.class);
    }
  }

  /// Whatever fails, and when: here before a part of the file is read.
  @Test
  void aModelThatIsNotMadeLeavesNoThread() throws InterruptedException {
    var file = write(SmallModel.VIT);
    long before = workerThreads();
    assertThatThrownBy(() -> OpenModel.open(file, OpenOptions.DEFAULT, Duration.ofSeconds(Long.MAX_VALUE)))
        .isInstanceOf(ArithmeticException.class);
    await("no thread is left", () -> workerThreads() <= before);
  }

  /// Of each task: what it is, what it holds, and that it refuses calls after it is closed.
  @Test
  void tasks() throws Exception {
    try (var kernels = KernelProvider.REFERENCE.open(Workers.threads(2))) {
      require(ImageClassifier::of, ImageClassifier::open, SmallModel.VIT, kernels);
      require(PictureEmbedder::of, PictureEmbedder::open, SmallModel.DINOV2, kernels);
      require(TextEmbedder::of, TextEmbedder::open, SmallModel.CLIP, kernels);
      require(ZeroShotClassifier::of, ZeroShotClassifier::open, SmallModel.CLIP, kernels);
      require(TextClassifier::of, TextClassifier::open, SmallModel.BERT, kernels);
      require(OpenModel::of, OpenModel::open, SmallModel.BERT, kernels);
      require(Segmenter::of, Segmenter::open, Demo.copy("segformer", folder), kernels);
      require(MaskPredictor::of, MaskPredictor::open, Demo.copy("sam", folder), kernels);
    }
  }

  private <T extends AutoCloseable> void require(BiFunction<Checkpoint, Kernels, T> of, BiFunction<Path, OpenOptions, T> open,
      SmallModel model, Kernels kernels) throws Exception {
    require(of, open, write(model), kernels);
  }

  private <T extends AutoCloseable> void require(BiFunction<Checkpoint, Kernels, T> of, BiFunction<Path, OpenOptions, T> open,
      Path file, Kernels kernels) throws Exception {
    try (var checkpoint = Checkpoint.open(file)) {
      var mapped = open.apply(file, OpenOptions.DEFAULT.withResidency(Residency.MAPPED));
      var task = of.apply(checkpoint, kernels);
      var prefix = task instanceof OpenModel ? "" : task.getClass().getSimpleName() + ": ";
      assertThat(task.toString()).startsWith(prefix).containsPattern("(vit|dinov2|clip|bert|segformer|sam) of [0-9,]+ parameters, ")
          .endsWith(file + ", kernels reference on 2 threads");
      assertThat(mapped.toString()).contains("kernels vector on " + PROCESSORS + " threads");
      for (var each : List.of(task, mapped)) {
        assertThat(each.getClass().getMethod("memory").invoke(each)).extracting("weightBytes").isEqualTo(Files.size(file));
        each.getClass().getMethod("trim").invoke(each);
        assertThat((long) each.getClass().getMethod("parameters").invoke(each)).isPositive();
        each.close();
        assertThat(each.toString()).endsWith(" threads, closed");
        assertThat(each.getClass().getMethod("memory").invoke(each)).isEqualTo(new MemoryUse(0, 0, 0, 0, 0, 0, 0));
      }
    }
  }

  /// A program that opens two models with a warm-up, in a virtual machine that says it interprets.
  static final class Slow {
    private Slow() {}

    public static void main(String[] arguments) {
      System.setProperty("java.vm.info", "interpreted mode");
      var options = OpenOptions.DEFAULT.withWarmUp(true);
      for (int i = 0; i < 2; i++)
        try (var opened = OpenModel.open(Path.of(arguments[0]), options)) {
          System.out.println(opened.kernels().name());
        }
    }
  }

  @Test
  void whatIsSlowIsSaidOnce() throws IOException, InterruptedException {
    assertThat(Program.run(folder, List.of(), Slow.class, write(SmallModel.VIT).toString()))
        .containsExactly("reference", "reference");
    assertThat(Files.readString(folder.resolve("err"))).containsOnlyOnce("kernels run slowly: the JIT compiler is off");
  }

  /// Kernels with no memory at one of the operations.
  private record Scarce(Kernels kernels, AtomicInteger operations, AtomicInteger failing) implements Kernels {
    @Override
    public String name() {
      return kernels.name();
    }

    @Override
    public int threads() {
      return kernels.threads();
    }

    @Override
    public void run(Operation operation) {
      if (operations.incrementAndGet() == failing.get()) throw new OutOfMemoryError("operation " + failing);
      kernels.run(operation);
    }

    @Override
    public void close() {}
  }

  /// What the memory of a workspace is allocated with fails in `FailingAllocationTest` of the engine; here it is what operations
  /// allocate, and a pass that no machine has the memory for.
  @Test
  void aPassThatFailsForMemoryLeavesTheModelUsable() {
    var kernels = new Scarce(KernelProvider.VECTOR.open(Workers.threads(2)), new AtomicInteger(), new AtomicInteger());
    try (var opened = OpenModel.of(Checkpoint.open(write(SmallModel.VIT)), kernels)) {
      float[] small = run(opened), large = run(opened, LARGE, Progress.NONE);
      opened.trim();
      int failures = 0;
      for (boolean failed = true; failed; ) {
        kernels.operations.set(0);
        kernels.failing.set(failures + 1);
        try {
          assertThat(run(opened, LARGE, Progress.NONE)).isEqualTo(large);
          failed = false;
        } catch (OutOfMemoryError e) {
          assertThat(e).hasMessage("operation " + ++failures);
        }
        kernels.failing.set(0);
        assertThat(run(opened, LARGE, Progress.NONE)).isEqualTo(large);
        assertThat(run(opened)).isEqualTo(small);
        assertThat(opened.memory().busyWorkspaces()).isZero();
        opened.trim();
      }
      assertThat(failures).as("operations of a pass").isGreaterThan(20);
      assertThatThrownBy(() -> opened.run("huge", SMALL, x -> x.allocate(1 << 30, 1 << 26), Progress.NONE))
          .isInstanceOfAny(OutOfMemoryError.class, IllegalArgumentException.class);
      assertThat(run(opened)).isEqualTo(small);
    }
    kernels.kernels.close();
  }

  /// A program that opens a model without and with a warm-up, as an application of a server with a class loader of its own.
  static final class Warming {
    private Warming() {}

    public static void main(String[] arguments) throws InterruptedException {
      var mine = new URLClassLoader(new URL[0]);
      Thread.currentThread().setContextClassLoader(mine);
      for (boolean warmUp : new boolean[] {false, true}) {
        var seen = ConcurrentHashMap.<String>newKeySet();
        var over = new AtomicBoolean();
        var watch = Thread.ofPlatform().start(() -> {
          while (!over.get())
            for (var thread : Thread.getAllStackTraces().keySet())
              if (thread.getName().startsWith("fovea-warm-up"))
                seen.add(thread.getContextClassLoader() == mine ? "mine" : "none of mine");
        });
        try (var opened = OpenModel.open(Path.of(arguments[0]), OpenOptions.DEFAULT.withWarmUp(warmUp))) {
          if (warmUp) WarmUp.await();
          over.set(true);
          watch.join();
          System.out.println(seen + " " + opened.header().family());
        }
      }
    }
  }

  @Test
  void warmUp() throws IOException, InterruptedException {
    assertThat(Program.run(folder, List.of(), Warming.class, write(SmallModel.VIT).toString()))
        .containsExactly("[] vit", "[none of mine] vit");
  }

  @Test
  void options() throws InterruptedException {
    assertThat(OpenOptions.DEFAULT).isEqualTo(new OpenOptions(null, Residency.LOADED, false));
    try (var workers = Workers.threads(1)) {
      assertThat(OpenOptions.DEFAULT.withWarmUp(true).withResidency(Residency.MAPPED).withWorkers(workers))
          .isEqualTo(new OpenOptions(workers, Residency.MAPPED, true));
    }
    assertThatCode(() -> OpenOptions.DEFAULT.withResidency(null)).isInstanceOf(NullPointerException.class).hasMessage("residency");
  }
}
