import dev.fovea.kernels.Workers;
import dev.fovea.models.ImageClassifier;
import dev.fovea.models.OpenOptions;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;

/// The page's server with 200 clients, some of which send what is no picture, or hang up. It is closed while they send.
final class Load {
  private static final int CLIENTS = 200, SECONDS = 6;

  private final byte[] picture;
  private final String expected;
  private final PictureServer server;
  private final URI address;
  private final AtomicLong right = new AtomicLong(), refused = new AtomicLong(), busy = new AtomicLong();
  private final AtomicReference<Throwable> wrong = new AtomicReference<>();
  private volatile boolean closing;

  private Load(Path model, Path file) throws IOException {
    picture = Files.readAllBytes(file);
    try (var alone = Workers.threads(1);
        var classifier = ImageClassifier.open(model, OpenOptions.DEFAULT.withWorkers(alone))) {
      expected = classifier.classify(picture, 3).stream().map(found -> found.label() + " " + found.score())
          .collect(Collectors.joining("\n"));
    }
    server = new PictureServer(model);
    address = URI.create("http://" + server.address().getHostString() + ":" + server.address().getPort() + "/classify");
  }

  /// @param arguments a model and a picture
  public static void main(String[] arguments) throws Exception {
    new Load(Path.of(arguments[0]), Path.of(arguments[1])).run();
  }

  private void run() throws Exception {
    try (var http = HttpClient.newHttpClient(); var clients = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < CLIENTS; i++) {
        var random = new Random(i);
        clients.execute(() -> {
          try {
            while (!closing && wrong.get() == null) request(http, random);
          } catch (Throwable e) {
            wrong.set(e);
          }
        });
      }
      Thread.sleep(1000 * SECONDS);
      // Those that are sending now are answered or refused.
      server.close();
      closing = true;
    }
    if (wrong.get() != null) throw new IllegalStateException("a request went wrong", wrong.get());
    for (int i = 0; i < 100 && workers() > 0; i++) Thread.sleep(50);
    if (workers() > 0) throw new IllegalStateException("threads are left over");
    System.out.println((right.get() > 0 && refused.get() > 0 ? "all answers are right: " : "too few answers: ") + right
        + " of pictures, " + refused + " of what is none, " + busy + " refused or cut off as busy or closing");
  }

  private static long workers() {
    return Thread.getAllStackTraces().keySet().stream().filter(thread -> thread.getName().startsWith("fovea-worker")).count();
  }

  private void request(HttpClient http, Random random) throws Exception {
    switch (random.nextInt(20)) {
      case 0 -> require(send(http, "no picture".getBytes()), 400, "picture: ");
      case 1 -> require(send(http, Arrays.copyOf(picture, picture.length / 2)), 400, "picture: ");
      case 2 -> hangUp();
      case 3 -> {
        if (random.nextInt(50) == 0) require(send(http, new byte[9 << 20]), 413, "expected at most");
      }
      default -> require(send(http, picture), 200, expected);
    }
  }

  private HttpResponse<String> send(HttpClient http, byte[] body) throws InterruptedException {
    try {
      return http.send(HttpRequest.newBuilder(address).POST(HttpRequest.BodyPublishers.ofByteArray(body)).build(),
          HttpResponse.BodyHandlers.ofString());
    } catch (IOException e) {
      return null;
    }
  }

  /// Sends the half of a request.
  private void hangUp() throws InterruptedException {
    try (var socket = new Socket(address.getHost(), address.getPort())) {
      socket.getOutputStream().write(("POST /classify HTTP/1.1\r\nHost: here\r\nContent-Length: " + picture.length + "\r\n\r\n")
          .getBytes());
      socket.getOutputStream().write(picture, 0, picture.length / 2);
    } catch (IOException _) {
      // The server is closing.
    }
  }

  private void require(HttpResponse<String> response, int status, String text) {
    if (response == null || response.statusCode() == 503) {
      busy.incrementAndGet();
      return;
    }
    if (response.statusCode() != status || !response.body().startsWith(text))
      throw new IllegalStateException("expected " + status + ", " + text + "; got " + response.statusCode() + ", "
          + response.body());
    (status == 200 ? right : refused).incrementAndGet();
  }
}
