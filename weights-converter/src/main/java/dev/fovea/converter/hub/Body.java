package dev.fovea.converter.hub;

import java.io.Closeable;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jetbrains.annotations.Nullable;

/// The body of a response as it arrives, for one reader with a timeout, which the JDK's streams lack.
final class Body implements HttpResponse.BodySubscriber<Body>, Closeable {
  private sealed interface Event {
    record Bytes(List<ByteBuffer> buffers) implements Event {}

    record End() implements Event {}

    record Failure(Throwable cause) implements Event {}
  }

  private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
  private Flow.@Nullable Subscription subscription;
  private boolean closed;

  /// The next bytes, or null after the last.
  ///
  /// @throws HttpTimeoutException if none arrive in this time
  /// @throws IOException if the connection breaks or ends early
  @Nullable List<ByteBuffer> next(Duration patience) throws IOException, InterruptedException {
    return switch (events.poll(patience.toNanos(), TimeUnit.NANOSECONDS)) {
      case null -> throw new HttpTimeoutException("sent nothing for " + patience.toMillis() / 1000.0 + " s");
      case Event.Bytes bytes -> {
        request();
        yield bytes.buffers;
      }
      case Event.End _ -> null;
      case Event.Failure failure -> throw new IOException(failure.cause.getMessage(), failure.cause);
    };
  }

  private synchronized void request() {
    if (subscription != null) subscription.request(1);
  }

  @Override
  public CompletionStage<Body> getBody() {
    return CompletableFuture.completedStage(this);
  }

  @Override
  public synchronized void onSubscribe(Flow.Subscription subscription) {
    this.subscription = subscription;
    if (closed) subscription.cancel();
    else subscription.request(1);
  }

  @Override
  public void onNext(List<ByteBuffer> buffers) {
    events.add(new Event.Bytes(buffers));
  }

  @Override
  public void onError(Throwable cause) {
    events.add(new Event.Failure(cause));
  }

  @Override
  public void onComplete() {
    events.add(new Event.End());
  }

  /// Cancels the rest of the transfer.
  @Override
  public synchronized void close() {
    closed = true;
    if (subscription != null) subscription.cancel();
  }
}
