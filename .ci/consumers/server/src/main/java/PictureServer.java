import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.models.ImageClassifier;
import dev.fovea.models.OpenOptions;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.stream.Collectors;

/// Answers a POST of a picture file with its three most probable classes, one a line.
final class PictureServer implements AutoCloseable {
  private static final int MAX_BYTES = 8 << 20, MAX_WAITING = 200, SECONDS_TO_STOP = 2;

  private final ImageClassifier classifier;
  private final HttpServer http;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  /// Each pass holds a workspace, and more passes than processors are no faster.
  private final Semaphore passes = new Semaphore(Runtime.getRuntime().availableProcessors());

  private record Answer(int status, String text) {}

  PictureServer(Path model) throws IOException {
    classifier = ImageClassifier.open(model, OpenOptions.DEFAULT.withWarmUp(true));
    http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    http.setExecutor(threads);
    http.createContext("/classify", this::handle);
    http.start();
  }

  InetSocketAddress address() {
    return http.getAddress();
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      var answer = answer(exchange.getRequestBody());
      var bytes = answer.text.getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(answer.status, bytes.length);
      exchange.getResponseBody().write(bytes);
    }
  }

  private Answer answer(InputStream body) throws IOException {
    var picture = body.readNBytes(MAX_BYTES + 1);
    if (picture.length > MAX_BYTES) return new Answer(413, "expected at most " + MAX_BYTES + " bytes");
    if (passes.getQueueLength() >= MAX_WAITING) return new Answer(503, "busy");
    try {
      passes.acquire();
      try {
        return new Answer(200, classifier.classify(picture, 3).stream()
            .map(found -> found.label() + " " + found.score()).collect(Collectors.joining("\n")));
      } finally {
        passes.release();
      }
    } catch (ImageException e) {
      return new Answer(400, e.getMessage());   // No picture, or a broken one.
    } catch (IllegalStateException | CancelledException | InterruptedException e) {
      return new Answer(503, "closing");        // The classifier is closed, or the thread interrupted.
    }
  }

  /// Refuses new requests, waits a little for the running ones, and ends with the last pass.
  @Override
  public void close() {
    http.stop(SECONDS_TO_STOP);
    classifier.close();
    threads.close();
  }
}
