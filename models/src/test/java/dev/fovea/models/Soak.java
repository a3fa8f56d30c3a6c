package dev.fovea.models;

import com.google.common.primitives.Floats;
import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.PictureWriter;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.Workers;
import dev.fovea.models.sam.AutomaticMasks;
import dev.fovea.models.sam.MaskPredictor;
import dev.fovea.models.sam.Prompt;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;

/// A program that uses the library as a busy server does, and that ends with an exception if anything is wrong.
///
/// 64 platform and 500 virtual threads call all tasks with pictures and texts of random sizes. Meanwhile threads are interrupted,
/// models are closed and opened again, also by callbacks, and their files are replaced. Every result must have the bits that the
/// same call had on a single thread. The load ends several times: then threads, file descriptors and mappings must be as they were,
/// and memory as it was after the first time.
final class Soak {
  private static final int PLATFORM_THREADS = 64, VIRTUAL_THREADS = 500, CASES = 24;

  private final Path folder;
  private final int seconds;
  private final List<Service<?>> services = new ArrayList<>();
  private final AtomicReference<Throwable> wrong = new AtomicReference<>();
  private final AtomicLong answers = new AtomicLong(), cancelled = new AtomicLong(), refused = new AtomicLong(),
      failed = new AtomicLong(), reopened = new AtomicLong();
  /// Of models that wait for their calls; and how many may wait, since they hold memory.
  private final List<Thread> closers = new ArrayList<>();
  private final Semaphore closings = new Semaphore(8);
  private volatile boolean over;

  /// A call of an open task.
  private interface Call<T> {
    Object on(T task, Progress progress) throws Exception;
  }

  /// What a callback throws.
  private static final class Mine extends RuntimeException {
    private static final long serialVersionUID = 1;

    private Mine() {
      super("mine");
    }
  }

  /// A task that is open, and which of its files it was opened from.
  private record Opened<T>(T task, int version) {}

  /// A task of the server.
  ///
  /// @param T the task's class
  private final class Service<T extends AutoCloseable> {
    private final String name;
    private final List<Path> versions;
    private final Path file;
    private final BiFunction<Path, OpenOptions, T> open;
    private final List<Call<T>> calls = new ArrayList<>();
    /// What a call gives on a single thread, by version and call.
    private final List<List<Object>> expected = new ArrayList<>();
    /// Bounds the callers of what needs much memory, as a server does.
    private final Semaphore permits;
    private volatile Opened<T> current;

    Service(String name, int permits, BiFunction<Path, OpenOptions, T> open, List<Path> versions) {
      this.name = name;
      this.permits = new Semaphore(permits);
      this.versions = versions;
      this.open = open;
      file = folder.resolve(name + ".safetensors");
      services.add(this);
    }

    void expect() throws Exception {
      try (var alone = Workers.threads(1)) {
        for (var version : versions) {
          var task = open.apply(version, OpenOptions.DEFAULT.withWorkers(alone));
          var results = new ArrayList<Object>();
          for (var call : calls) results.add(comparable(call.on(task, Progress.NONE)));
          expected.add(results);
          task.close();
        }
      }
    }

    /// Replaces the file, and then the open task. The one before is closed by two threads at once, while calls run.
    void reopen(Random random, OpenOptions options) throws Exception {
      int version = random.nextInt(versions.size());
      var fresh = Files.copy(versions.get(version), folder.resolve(name + ".new"), StandardCopyOption.REPLACE_EXISTING);
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
      var before = current;
      current = new Opened<>(open.apply(file, options), version);
      reopened.incrementAndGet();
      if (before == null) return;
      closings.acquire();
      var both = List.of(Thread.ofPlatform().start(() -> guarded(before.task::close)),
          Thread.ofVirtual().start(() -> guarded(before.task::close)));
      closers.add(Thread.ofVirtual().start(() -> guarded(() -> {
        for (var closer : both) closer.join();
        closings.release();
      })));
    }

    void close() throws Exception {
      current.task.close();
      current = null;
    }

    void call(Random random) throws Exception {
      if (!permits.tryAcquire()) return;
      var opened = current;
      int which = random.nextInt(calls.size());
      try {
        var result = comparable(calls.get(which).on(opened.task, progress(opened, random)));
        if (!result.equals(expected.get(opened.version).get(which)))
          throw new IllegalStateException(name + ", call " + which + ": another result than on one thread");
        answers.incrementAndGet();
      } catch (CancelledException e) {
        if (!Thread.interrupted()) throw new IllegalStateException("cancelled, but not interrupted", e);
        cancelled.incrementAndGet();
      } catch (IllegalStateException e) {
        if (!e.getMessage().matches(".*the (model|session) is closed")) throw e;
        refused.incrementAndGet();
        LockSupport.parkNanos(5_000_000);
      } catch (Mine e) {
        failed.incrementAndGet();
      } finally {
        permits.release();
      }
    }

    /// Most callers do not listen; some throw, close, trim or call the task again.
    private Progress progress(Opened<T> opened, Random random) {
      long at = random.nextInt(40);
      var calls = new AtomicLong();
      return switch (random.nextInt(100)) {
        case 0, 1, 2, 3 -> listener(calls, at, () -> {
          throw new Mine();
        });
        case 4, 5 -> listener(calls, at, () -> {
          answer(opened);
          return null;
        });
        case 6 -> listener(calls, at, () -> opened.task.getClass().getMethod("trim").invoke(opened.task));
        case 7 -> listener(calls, at, () -> {
          if (random.nextInt(8) == 0) opened.task.close();
          return null;
        });
        case 8 -> listener(calls, at, () -> opened.task.getClass().getMethod("memory").invoke(opened.task));
        default -> Progress.NONE;
      };
    }

    private void answer(Opened<T> opened) throws Exception {
      if (!comparable(calls.getFirst().on(opened.task, Progress.NONE)).equals(expected.get(opened.version).getFirst()))
        throw new IllegalStateException(name + ": another result in a callback");
    }

    private static Progress listener(AtomicLong calls, long at, Callable<?> action) {
      return (_, _) -> {
        if (calls.getAndIncrement() != at) return;
        try {
          action.call();
        } catch (RuntimeException e) {
          throw e;
        } catch (Exception e) {
          throw new IllegalStateException(e);
        }
      };
    }
  }

  private Soak(Path folder, int seconds) {
    this.folder = folder;
    this.seconds = seconds;
  }

  /// @param arguments a folder for files, and the seconds under load
  public static void main(String[] arguments) throws Exception {
    Locale.setDefault(Locale.ROOT);
    new Soak(Path.of(arguments[0]), Integer.parseInt(arguments[1])).run();
  }

  /// Arrays by their values.
  private static Object comparable(Object result) {
    return switch (result) {
      case float[] values -> Floats.asList(values);
      case List<?> list -> list.stream().map(Soak::comparable).toList();
      default -> result;
    };
  }

  private Picture picture(Random random, int least, int most) {
    int width = random.nextInt(least, most), height = random.nextInt(least, most);
    var rgb = new byte[3 * width * height];
    int period = random.nextInt(2, 40), phase = random.nextInt(256);
    for (int i = 0; i < rgb.length; i++) rgb[i] = (byte) (128 + 127 * Math.sin((i % 3 + 1) * (i / 3 % width) / (double) period
        + i / 3 / width / 7.0 + phase));
    return new Picture("picture", width, height, rgb);
  }

  /// The contents of a picture file that a program has as a stream.
  private record Streamed(byte[] file) {
    InputStream open() {
      return new ByteArrayInputStream(file);
    }
  }

  /// A picture in one of the forms that a program may have.
  private Object input(Random random, int most) throws IOException {
    var picture = picture(random, 16, most);
    var png = PictureWriter.png(picture);
    return switch (random.nextInt(5)) {
      case 0 -> Files.write(Files.createTempFile(folder, "picture", ".png"), png);
      case 1 -> png;
      case 2 -> new Streamed(png);
      case 3 -> ImageIO.read(new ByteArrayInputStream(png));
      default -> picture;
    };
  }

  private List<Picture> pictures(Random random, int most) {
    return IntStream.range(0, random.nextInt(1, 6)).mapToObj(_ -> picture(random, 16, most)).toList();
  }

  private static String words(Random random) {
    return random.ints(random.nextInt(1, 12), 5, SmallModel.WORDS.size()).mapToObj(SmallModel.WORDS::get)
        .collect(Collectors.joining(" "));
  }

  private static List<String> texts(Random random, int most) {
    return IntStream.range(0, random.nextInt(1, most)).mapToObj(_ -> words(random)).toList();
  }

  private Path write(SmallModel model, String name) {
    return model.write(folder.resolve(name + ".model"));
  }

  private void addServices(Random random) throws IOException {
    var classifier = new Service<>("classifier", 1000, ImageClassifier::open,
        List.of(Demo.copy("vit", folder), write(SmallModel.VIT, "vit")));
    var embedder = new Service<>("embedder", 1000, PictureEmbedder::open,
        List.of(write(SmallModel.DINOV2, "dinov2"), write(SmallModel.dinov2(56, 4), "dinov2-registers")));
    var segmenter = new Service<>("segmenter", 16, Segmenter::open, List.of(Demo.copy("segformer", folder)));
    var zeroShot = new Service<>("zero-shot", 1000, ZeroShotClassifier::open, List.of(write(SmallModel.CLIP, "clip"),
        write(SmallModel.SIGLIP, "siglip")));
    var textEmbedder = new Service<>("text-embedder", 1000, TextEmbedder::open, List.of(write(SmallModel.CLIP, "clip-texts"),
        write(SmallModel.SIGLIP, "siglip-texts")));
    var textClassifier = new Service<>("text-classifier", 1000, TextClassifier::open, List.of(write(SmallModel.BERT, "bert")));
    var masks = new Service<>("masks", 4, MaskPredictor::open, List.of(Demo.copy("sam", folder)));
    var everything = new Service<>("everything", 2, MaskPredictor::open, List.of(Demo.copy("sam", folder)));
    for (int i = 0; i < CASES; i++) {
      var pictures = pictures(random, 200);
      var input = input(random, 150);
      var texts = texts(random, 9);
      int top = random.nextInt(1, 6), size = 14 * random.nextInt(1, 9);
      classifier.calls.add(i % 3 == 0 ? (task, progress) -> task.classify(pictures, top, progress)
          : (task, progress) -> classify(task, input, top, progress));
      embedder.calls.add(switch (i % 3) {
        case 0 -> (task, progress) -> task.embed(pictures, progress);
        case 1 -> (task, progress) -> task.embedPrepared(List.of(task.prepare(pictures.getFirst(), size)), Pooling.BOTH, false,
            progress);
        default -> (task, progress) -> embed(task, input, progress);
      });
      segmenter.calls.add(i % 6 == 0 ? (task, progress) -> task.segment(pictures.subList(0, 1), progress)
          : (task, progress) -> segment(task, input, progress));
      zeroShot.calls.add((task, progress) -> task.classify(pictures, task.embed(texts), top, progress));
      textEmbedder.calls.add((task, progress) -> task.embed(texts, progress));
      textClassifier.calls.add((task, progress) -> task.classify(texts, 2, progress));
    }
    for (int i = 0; i < CASES / 3; i++) {
      var picture = picture(random, 40, 200);
      var prompts = List.of(Prompt.point(random.nextInt(40), random.nextInt(40)), Prompt.box(2, 3, 30, 35).not(5, 5));
      masks.calls.add((task, progress) -> {
        try (var session = task.session()) {
          session.setImage(picture, progress);
          return List.of(session.best(prompts.getFirst()), session.predict(prompts, true));
        }
      });
      // Nobody closes the session.
      masks.calls.add((task, progress) -> {
        var session = task.session();
        session.setImage(picture, progress);
        return session.best(prompts.getLast());
      });
    }
    var few = new AutomaticMasks.Settings(2, 0, 0, 1, 0.7, 0, 0.7, 0.3, 1, 0);
    for (int i = 0; i < 3; i++) {
      var picture = picture(random, 40, 100);
      everything.calls.add((task, progress) -> new AutomaticMasks(task, few).of(picture,
          share -> progress.advanced((long) (1000 * share), 1000)));
    }
  }

  private static Object classify(ImageClassifier task, Object picture, int top, Progress progress) {
    return switch (picture) {
      case Path file -> task.classify(file, top, progress);
      case byte[] file -> task.classify(file, top, progress);
      case Streamed file -> task.classify(file.open(), top, progress);
      case BufferedImage image -> task.classify(image, top, progress);
      default -> task.classify((Picture) picture, top, progress);
    };
  }

  private static Object embed(PictureEmbedder task, Object picture, Progress progress) {
    return switch (picture) {
      case Path file -> task.embed(file, progress);
      case byte[] file -> task.embed(file, progress);
      case Streamed file -> task.embed(file.open(), progress);
      case BufferedImage image -> task.embed(image, progress);
      default -> task.embed((Picture) picture, progress);
    };
  }

  private static Object segment(Segmenter task, Object picture, Progress progress) {
    return switch (picture) {
      case Path file -> task.segment(file, progress);
      case byte[] file -> task.segment(file, progress);
      case Streamed file -> task.segment(file.open(), progress);
      case BufferedImage image -> task.segment(image, progress);
      default -> task.segment((Picture) picture, progress);
    };
  }

  private void run() throws Exception {
    var random = new Random(11);
    addServices(random);
    for (var service : services) service.expect();
    var before = Resources.now();
    var rests = new ArrayList<Resources.Memory>();
    for (int second = 0, part = Math.min(60, seconds / 2); second < seconds; second += part) {
      load(random, second, Math.min(part, seconds - second));
      if (wrong.get() != null) throw new IllegalStateException("a call went wrong", wrong.get());
      rests.add(rest(before));
    }
    requireAllHappened();
    rests.getLast().requireFlatSince(rests.getFirst());
  }

  /// Opens the models, calls them for a while and closes them.
  ///
  /// @param from the seconds under load so far
  private void load(Random random, int from, int seconds) throws Exception {
    over = false;
    try (var pool = Executors.newFixedThreadPool(3); var own = Workers.threads(3); var borrowed = Workers.using(moody(pool), 4)) {
      var options = new ArrayList<OpenOptions>();
      for (var residency : Residency.values())
        for (var workers : new Workers[] {null, own, borrowed})
          options.add(OpenOptions.DEFAULT.withResidency(residency).withWorkers(workers));
      for (var service : services) service.reopen(random, options.getFirst());
      var callers = new ArrayList<Thread>();
      for (int i = 0; i < PLATFORM_THREADS + VIRTUAL_THREADS; i++) {
        var choices = new Random(1000 * from + i);
        Runnable caller = () -> guarded(() -> calls(choices));
        callers.add(i < PLATFORM_THREADS ? Thread.ofPlatform().start(caller) : Thread.ofVirtual().start(caller));
      }
      var troublemakers = List.of(Thread.ofPlatform().start(() -> guarded(() -> interrupts(callers))),
          Thread.ofPlatform().start(() -> guarded(() -> reopenings(options))));
      for (int second = 1; second <= seconds && wrong.get() == null; second++) {
        Thread.sleep(1000);
        if (second % 10 == 0) System.out.println(from + second + " s: " + counts() + ", " + Resources.Memory.now());
      }
      over = true;
      for (var thread : troublemakers) thread.join();
      for (var thread : callers) thread.join();
      for (var thread : closers) thread.join();
      closers.clear();
      for (var service : services) service.close();
    }
  }

  /// Waits until the process holds what it held before the first call, beside the memory of Java itself.
  private Resources.Memory rest(Resources before) throws Exception {
    var now = Resources.now();
    for (int i = 0; i < 100 && !now.equals(before); i++, now = Resources.now()) Thread.sleep(100);
    if (!now.equals(before)) throw new IllegalStateException("expected " + before + ", got " + now);
    var memory = Resources.memoryAtRest();
    System.out.println("at rest: " + memory + ", " + now);
    return memory;
  }

  private String counts() {
    return answers + " equal answers, " + cancelled + " interrupted, " + refused + " refused by a closed model, " + failed
        + " ended by their callback, " + reopened + " reopenings";
  }

  private void requireAllHappened() {
    for (var count : List.of(answers, cancelled, refused, failed, reopened))
      if (count.get() < 2) throw new IllegalStateException("too little has happened: " + counts());
  }

  private static Executor moody(Executor executor) {
    return task -> {
      if (Math.floorMod(System.nanoTime(), 10) == 0) throw new RejectedExecutionException("in a mood");
      executor.execute(task);
    };
  }

  private interface Work {
    void run() throws Exception;
  }

  private void guarded(Work work) {
    try {
      work.run();
    } catch (Throwable e) {
      wrong.compareAndSet(null, e);
    }
  }

  private void calls(Random random) throws Exception {
    while (!over && wrong.get() == null) services.get(random.nextInt(services.size())).call(random);
  }

  private void interrupts(List<Thread> callers) throws InterruptedException {
    var random = new Random(1);
    while (!over) {
      Thread.sleep(random.nextInt(20));
      callers.get(random.nextInt(callers.size())).interrupt();
    }
  }

  private void reopenings(List<OpenOptions> options) throws Exception {
    var random = new Random(2);
    while (!over) {
      Thread.sleep(random.nextInt(200));
      services.get(random.nextInt(services.size())).reopen(random, options.get(random.nextInt(options.size())));
    }
  }
}
