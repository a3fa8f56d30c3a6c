package example;

import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.ref.PhantomReference;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import javax.imageio.spi.IIORegistry;
import javax.imageio.spi.ImageReaderSpi;

/// A server that has no Fovea on its class path. Its applications have it in class loaders of their own, which come and go, while
/// the threads that serve the requests stay.
///
/// Arguments: the applications' class path, a model file, a PNG and a JPEG.
final class Host {
  private static final int SECONDS = 60;
  /// The first turns fill what Java itself keeps.
  private static final int TURNS = 20, FIRST_TURNS = 5;
  private static final long MORE_CLASSES = 50, MORE_METASPACE = 1 << 20;
  /// Threads that Java starts when they are needed first.
  private static final Pattern OF_JAVA =
      Pattern.compile("Java2D Disposer|Common-Cleaner|Cleaner-\\d+|ForkJoinPool\\.commonPool-.*");

  private final URL[] classPath;
  private final Path model;
  private final List<Path> pictures;
  private final ExecutorService requests = Executors.newFixedThreadPool(2);
  private final Set<Thread> threads;
  /// Cleared when nothing at all is left of a class loader, unlike weak references.
  private final List<PhantomReference<ClassLoader>> loaders = new ArrayList<>();
  private List<String> expected;

  private Host(String[] arguments) throws Exception {
    var urls = new ArrayList<URL>();
    for (var entry : arguments[0].split(File.pathSeparator)) urls.add(Path.of(entry).toUri().toURL());
    classPath = urls.toArray(URL[]::new);
    model = Path.of(arguments[1]);
    pictures = List.of(Path.of(arguments[2]), Path.of(arguments[3]));
    atOnce(() -> null, () -> null);
    threads = Thread.getAllStackTraces().keySet();
  }

  public static void main(String[] arguments) throws Exception {
    var host = new Host(arguments);
    try {
      host.run();
    } finally {
      host.requests.shutdownNow();
    }
  }

  private void run() throws Exception {
    require(Host.class.getResource("/dev/fovea/models/ImageClassifier.class") == null, () -> "the server itself has Fovea");
    // The process uses ImageIO here for the first time.
    twoAtOnce();
    requireGone();
    inTurn();
    share();
    othersFindNothing();
    // Last, because what is not closed well may stay.
    closeTooEarly(true);
    closeTooEarly(false);
    expected.forEach(System.out::println);
  }

  private Application deploy(URL[] classPath, ClassLoader parent) throws Exception {
    var application = Application.deploy(classPath, parent, model);
    loaders.add(new PhantomReference<>(application.loader(), null));
    return application;
  }

  private Application deploy() throws Exception {
    return deploy(classPath, ClassLoader.getPlatformClassLoader());
  }

  /// Two applications classify at the same time, whatever the context class loader is.
  private void twoAtOnce() throws Exception {
    Application one = deploy(), two = deploy();
    require(one.guest().getClass() != two.guest().getClass(), () -> "the applications share their classes");
    for (int i = 0; i < contexts(one).size(); i++) {
      ClassLoader first = contexts(one).get(i), second = contexts(two).get(i);
      var lines = atOnce(() -> in(first, () -> one.classify(pictures)), () -> in(second, () -> two.classify(pictures)));
      if (expected == null) expected = lines.getFirst();
      for (var found : lines) requireExpected(found);
    }
    atOnce(() -> undeploy(one), () -> undeploy(two));
  }

  private static Void undeploy(Application application) throws Exception {
    return in(application.loader(), () -> {
      application.undeploy();
      return null;
    });
  }

  /// The application's own, as in most servers; none; one that knows nothing; those of Java and of the server.
  private static List<ClassLoader> contexts(Application application) {
    return Arrays.asList(application.loader(), null, new URLClassLoader(new URL[0], null), ClassLoader.getPlatformClassLoader(),
        ClassLoader.getSystemClassLoader());
  }

  /// An application is deployed and undeployed again and again.
  private void inTurn() throws Exception {
    long classes = 0, metaspace = 0;
    for (int turn = 1; turn <= TURNS; turn++) {
      oneTurn(turn);
      requireGone();
      if (turn == FIRST_TURNS) {
        classes = classes();
        metaspace = metaspace();
      }
    }
    long moreClasses = classes() - classes, moreMetaspace = metaspace() - metaspace;
    System.err.println("after the turns: " + moreClasses + " classes, " + moreMetaspace + " bytes of metaspace");
    require(moreClasses <= MORE_CLASSES, () -> moreClasses + " more classes");
    require(moreMetaspace <= MORE_METASPACE, () -> moreMetaspace + " more bytes of metaspace");
  }

  private void oneTurn(int turn) throws Exception {
    var application = deploy();
    var contexts = contexts(application);
    var copy = Files.createTempFile("copy", ".png");
    atOnce(() -> in(contexts.get(turn % contexts.size()), () -> {
      requireExpected(application.classify(pictures));
      application.copy(pictures.getFirst(), copy);
      return null;
    }), () -> null);
    require(Files.size(copy) > 0, () -> "nothing is written");
    Files.delete(copy);
    undeploy(application);
  }

  private static long classes() {
    return ManagementFactory.getClassLoadingMXBean().getLoadedClassCount();
  }

  private static long metaspace() {
    return ManagementFactory.getMemoryPoolMXBeans().stream().filter(pool -> pool.getName().equals("Metaspace")).findFirst()
        .orElseThrow().getUsage().getUsed();
  }

  /// Fovea is in a class loader that stays, and keeps nothing of those that use it.
  private void share() throws Exception {
    var own = Host.class.getProtectionDomain().getCodeSource().getLocation();
    var others = Arrays.stream(classPath).filter(url -> !url.equals(own)).toArray(URL[]::new);
    try (var shared = new URLClassLoader(others, ClassLoader.getPlatformClassLoader())) {
      passThrough(own, shared);
      requireGone();
      require(shared.getURLs().length > 0, () -> "Fovea is no longer there");
    }
  }

  private void passThrough(URL own, ClassLoader shared) throws Exception {
    var application = deploy(new URL[] {own}, shared);
    var copy = Files.createTempFile("copy", ".png");
    atOnce(() -> in(application.loader(), () -> {
      requireExpected(application.classify(pictures));
      application.copy(pictures.getFirst(), copy);
      return null;
    }), () -> null);
    Files.delete(copy);
    undeploy(application);
  }

  /// ImageIO, which all of a process share, is as it was.
  private void othersFindNothing() throws IOException {
    IIORegistry.getDefaultInstance().getServiceProviders(ImageReaderSpi.class, false).forEachRemaining(reader ->
        require(reader.getClass().getModule() == ImageIO.class.getModule(), () -> "left in ImageIO: " + reader));
    for (var picture : pictures) require(ImageIO.read(picture.toFile()) != null, () -> "ImageIO cannot read " + picture);
  }

  /// The class loader is closed before the model: calls and the closing succeed or name a class that was not loaded before, and
  /// nothing hangs.
  private void closeTooEarly(boolean isUsed) throws Exception {
    var application = Application.deploy(classPath, ClassLoader.getPlatformClassLoader(), model);
    if (isUsed) requireExpected(application.classify(pictures));
    application.closeLoader();
    Callable<Boolean> call = () -> succeeds(() -> {
      requireExpected(application.classify(pictures));
      return null;
    });
    var successes = atOnce(call, call);
    require(!isUsed || !successes.contains(false), () -> "a later call needs more classes than the first");
    atOnce(() -> succeeds(() -> undeploy(application)), () -> null);
  }

  private static boolean succeeds(Callable<Void> call) throws Exception {
    try {
      call.call();
      return true;
    } catch (NoClassDefFoundError e) {
      require(e.getMessage().startsWith("dev/fovea/"), () -> "no class is named: " + e);
      return false;
    }
  }

  /// Runs both at the same time on the server's threads.
  private <T> List<T> atOnce(Callable<T> one, Callable<T> two) throws Exception {
    var barrier = new CyclicBarrier(2);
    var running = List.of(one, two).stream().map(call -> requests.submit(() -> {
      barrier.await();
      return call.call();
    })).toList();
    var results = new ArrayList<T>();
    for (var result : running) results.add(result.get(SECONDS, TimeUnit.SECONDS));
    return results;
  }

  private static <T> T in(ClassLoader context, Callable<T> call) throws Exception {
    var thread = Thread.currentThread();
    var before = thread.getContextClassLoader();
    thread.setContextClassLoader(context);
    try {
      return call.call();
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  private void requireExpected(List<String> lines) {
    require(lines.equals(expected), () -> "expected " + expected + ", got " + lines);
  }

  /// Waits until the classes of all applications are unloaded and their threads have ended.
  private void requireGone() throws InterruptedException {
    for (long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);; Thread.sleep(10)) {
      System.gc();
      loaders.removeIf(loader -> loader.refersTo(null));
      var left = Thread.getAllStackTraces().keySet().stream().filter(thread -> !threads.contains(thread)
          && !OF_JAVA.matcher(thread.getName()).matches()).toList();
      if (loaders.isEmpty() && left.isEmpty()) return;
      require(System.nanoTime() < end, () -> loaders.size() + " class loaders and the threads " + left + " are left over");
    }
  }

  private static void require(boolean isSo, Supplier<String> otherwise) {
    if (!isSo) throw new AssertionError(otherwise.get());
  }
}
