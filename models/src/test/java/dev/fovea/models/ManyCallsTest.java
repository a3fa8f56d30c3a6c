package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class ManyCallsTest {
  private static final long SMALL = 1000;
  private static final int THREADS = 3, AHEAD = 2 * THREADS;

  private static List<Integer> numbers(int count) {
    return IntStream.range(0, count).boxed().toList();
  }

  private static <R> void run(Kernels kernels, long passBytes, int count, Function<Integer, Integer> prepare,
      Function<Integer, R> compute, BiConsumer<Integer, R> use) {
    new ManyCalls<>("model", kernels, () -> passBytes, numbers(count), prepare, compute, use).run();
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  @Test
  void howManyAtOnce() {
    assertThat(ManyCalls.atOnce(100, 16, SMALL)).isEqualTo(16);
    assertThat(ManyCalls.atOnce(9, 16, SMALL)).isEqualTo(9);
    assertThat(ManyCalls.atOnce(8, 16, SMALL)).as("half of the threads").isEqualTo(1);
    assertThat(ManyCalls.atOnce(2, 2, ManyCalls.LARGE)).isEqualTo(2);
    assertThat(ManyCalls.atOnce(2, 2, ManyCalls.LARGE + 1)).as("a large pass").isEqualTo(1);
    assertThat(ManyCalls.atOnce(2, 2, 0)).as("an unknown pass").isEqualTo(1);
    assertThat(ManyCalls.atOnce(2, 1, SMALL)).isEqualTo(1);
  }

  @Test
  void resultsInOrder() {
    for (long bytes : new long[] {0, SMALL, ManyCalls.LARGE + 1})
      for (int threads : new int[] {1, 2, THREADS, 7})
        try (var kernels = KernelProvider.REFERENCE.open(Workers.threads(threads))) {
          for (int count : new int[] {0, 1, 2, 3, 8, 100, 3000}) {
            var used = new ArrayList<String>();
            var caller = Thread.currentThread();
            run(kernels, bytes, count, i -> i + 1, i -> i * 2, (input, result) -> {
              assertThat(Thread.currentThread()).isSameAs(caller);
              used.add(input + ":" + result);
            });
            assertThat(used).isEqualTo(numbers(count).stream().map(i -> i + ":" + (i + 1) * 2).toList());
          }
        }
  }

  /// All threads are inside a call at the same time, and operations in a call stay on its thread.
  @Test
  void asManyAtOnceAsThreads() {
    try (var workers = Workers.threads(THREADS); var kernels = KernelProvider.VECTOR.open(workers.lent())) {
      var together = new CountDownLatch(THREADS);
      run(kernels, SMALL, 4 * THREADS, i -> i, i -> {
        together.countDown();
        await(together);
        var threads = ConcurrentHashMap.<Thread>newKeySet();
        kernels.forEach(50, _ -> threads.add(Thread.currentThread()));
        return threads;
      }, (_, threads) -> assertThat((Set<?>) threads).hasSize(1));
    }
  }

  /// The first result comes last: the others wait for it before they go further.
  @Test
  void boundedLookAhead() {
    try (var kernels = KernelProvider.REFERENCE.open(Workers.threads(THREADS))) {
      var begun = new AtomicInteger();
      var used = new AtomicInteger();
      run(kernels, SMALL, 300, i -> {
        assertThat(begun.incrementAndGet()).isLessThanOrEqualTo(used.get() + AHEAD);
        return i;
      }, i -> {
        if (i % 50 == 0) sleep(20);
        return i;
      }, (_, _) -> used.incrementAndGet());
      assertThat(used).hasValue(300);
    }
  }

  /// One at a time, no more are prepared than there are threads.
  @Test
  void aLargePassIsAlone() {
    try (var kernels = KernelProvider.REFERENCE.open(Workers.threads(THREADS))) {
      var begun = new AtomicInteger();
      var used = new AtomicInteger();
      var running = new AtomicInteger();
      run(kernels, ManyCalls.LARGE + 1, 20, i -> {
        assertThat(begun.incrementAndGet()).isLessThanOrEqualTo(used.get() + THREADS);
        return i;
      }, i -> {
        assertThat(running.incrementAndGet()).isEqualTo(1);
        running.decrementAndGet();
        return i;
      }, (_, _) -> used.incrementAndGet());
      assertThat(used).hasValue(20);
    }
  }

  private static void sleep(int millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /// The first failure in the order of the inputs is thrown, though a later one comes sooner.
  @Test
  void theFirstFailureInOrder() {
    for (long bytes : new long[] {0, SMALL, ManyCalls.LARGE + 1})
      try (var kernels = KernelProvider.REFERENCE.open(Workers.threads(THREADS))) {
        for (boolean inPreparing : new boolean[] {true, false})
          for (int round = 0; round < 20; round++) {
            var used = new ArrayList<Integer>();
            UnaryOperator<Integer> failing = i -> {
              if (i == 10) sleep(2);
              if (i >= 10) throw new IllegalArgumentException("input " + i);
              return i;
            };
            assertThatThrownBy(() -> run(kernels, bytes, 100, inPreparing ? failing : i -> i, inPreparing ? i -> i : failing,
                (i, _) -> used.add(i))).isInstanceOf(IllegalArgumentException.class).hasMessage("input 10");
            assertThat(used).isEqualTo(numbers(10));
          }
        var used = new AtomicInteger();
        assertThatThrownBy(() -> run(kernels, bytes, 100, i -> i, i -> i, (i, _) -> {
          if (i == 5) throw new IllegalStateException("used " + i);
          used.incrementAndGet();
        })).hasMessage("used 5");
        assertThat(used).hasValue(5);
      }
  }

  /// Where several at once find no memory, one at a time may.
  @Test
  void withoutMemoryOneAtATime() {
    try (var kernels = KernelProvider.REFERENCE.open(Workers.threads(THREADS))) {
      var running = new AtomicInteger();
      var refused = new AtomicBoolean();
      UnaryOperator<Integer> hungry = i -> {
        boolean isAlone = running.incrementAndGet() == 1;
        try {
          sleep(1);
          if (i >= 7 && !(isAlone && running.get() == 1)) {
            refused.set(true);
            throw new OutOfMemoryError("no room");
          }
          return i;
        } finally {
          running.decrementAndGet();
        }
      };
      for (long bytes : new long[] {SMALL, ManyCalls.LARGE + 1}) {
        var used = new ArrayList<Integer>();
        run(kernels, bytes, 40, hungry, i -> i, (i, _) -> used.add(i));
        assertThat(used).isEqualTo(numbers(40));
        assertThat(refused.getAndSet(false)).isTrue();
      }
      assertThatThrownBy(() -> run(kernels, SMALL, 10, i -> i, i -> {
        throw new OutOfMemoryError("never");
      }, (_, _) -> { })).isInstanceOf(OutOfMemoryError.class).hasMessage("never");
    }
  }

  /// Passes of a model go on one at a time too.
  @Test
  void passesAfterALackOfMemory() {
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(THREADS)); var opened = OpenModel.of(Demo.model("vit"), kernels)) {
      var model = opened.model(ClassifiesPictures.class, "a model that classifies pictures");
      var expected = opened.run("logits", picture(), model::logits, Progress.NONE);
      var refused = new AtomicBoolean();
      var results = new ArrayList<float[]>();
      opened.each(numbers(20), i -> i, i -> {
        if (i == 9 && !refused.getAndSet(true)) throw new OutOfMemoryError("no room");
        return opened.run("logits", picture(), model::logits, Progress.NONE);
      }, (_, result) -> results.add(result));
      assertThat(refused).isTrue();
      assertThat(results).hasSize(20).allSatisfy(result -> assertThat(result).isEqualTo(expected));
    }
  }

  private static OpenModel.Input picture() {
    return new OpenModel.Input(new float[3 * 32 * 32], 1, 3, 32, 32);
  }

  /// An interrupt of the calling thread ends passes on other threads before their next operation.
  @Test
  void anInterruptEndsAll() {
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(THREADS)); var opened = OpenModel.of(Demo.model("vit"), kernels)) {
      var model = opened.model(ClassifiesPictures.class, "a model that classifies pictures");
      opened.run("logits", picture(), model::logits, Progress.NONE);
      var caller = Thread.currentThread();
      var helping = new CountDownLatch(1);
      var late = new AtomicInteger();
      var used = new AtomicInteger();
      Progress progress = (_, _) -> {
        if (Thread.currentThread() == caller) {
          await(helping);
          caller.interrupt();
        } else {
          if (caller.isInterrupted()) late.incrementAndGet();
          helping.countDown();
          while (!caller.isInterrupted()) Thread.onSpinWait();
        }
      };
      assertThatThrownBy(() -> opened.each(numbers(50), i -> i, _ -> opened.run("logits", picture(), model::logits, progress),
          (_, _) -> used.incrementAndGet())).isInstanceOf(CancelledException.class);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(late).as("passes that went on").hasValue(0);
      assertThat(used).hasValue(0);
      assertThat(opened.memory().busyWorkspaces()).isZero();
    }
  }

  /// Closing refuses new calls and waits for these, though most of their passes begin later and on other threads.
  @Test
  void closingWaits() throws Exception {
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(THREADS)); var closer = Executors.newSingleThreadExecutor()) {
      var opened = OpenModel.of(Demo.model("vit"), kernels);
      var model = opened.model(ClassifiesPictures.class, "a model that classifies pictures");
      var expected = opened.run("logits", picture(), model::logits, Progress.NONE);
      var closing = new AtomicReference<Future<?>>();
      var results = new ArrayList<float[]>();
      opened.each(numbers(30), i -> i, _ -> opened.run("logits", picture(), model::logits, Progress.NONE), (_, result) -> {
        if (results.isEmpty()) closing.set(closer.submit(opened::close));
        while (!opened.toString().endsWith(", closed")) Thread.onSpinWait();
        assertThat(closing.get()).isNotDone();
        results.add(result);
      });
      closing.get().get(30, TimeUnit.SECONDS);
      assertThat(results).hasSize(30).allSatisfy(result -> assertThat(result).isEqualTo(expected));
      assertThatThrownBy(() -> opened.each(numbers(3), i -> i, i -> i, (_, _) -> { })).isInstanceOf(IllegalStateException.class)
          .hasMessage("demo: the model is closed");
    }
  }

  /// Files are classified as one by one; the error of one that is no picture names it, after the results before it.
  @Test
  void files(@TempDir Path folder) throws IOException {
    var files = new ArrayList<Path>();
    try (var singles = Files.newDirectoryStream(Demo.SINGLES, "*.png")) {
      singles.forEach(files::add);
    }
    files.sort(null);
    var broken = Files.writeString(folder.resolve("broken.png"), "no picture");
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(THREADS));
        var classifier = ImageClassifier.of(Demo.model("vit"), kernels)) {
      var expected = files.stream().map(classifier::classify).toList();
      var found = new ArrayList<List<Classification>>();
      classifier.each(files, Picture::read, picture -> classifier.classify(picture), (_, classes) -> found.add(classes));
      assertThat(found).isEqualTo(expected);
      assertThat(classifier.classify(files.stream().map(Picture::read).toList())).isEqualTo(expected);
      assertThat(classifier.memory().workspaceBytes()).as("of as many calls as threads").isLessThanOrEqualTo(THREADS * 2L << 20);
      found.clear();
      files.set(8, broken);
      assertThatThrownBy(() -> classifier.each(files, Picture::read, picture -> classifier.classify(picture),
          (_, classes) -> found.add(classes))).isInstanceOf(ImageException.class).hasMessageStartingWith(broken.toString());
      assertThat(found).isEqualTo(expected.subList(0, 8));
    }
  }
}
