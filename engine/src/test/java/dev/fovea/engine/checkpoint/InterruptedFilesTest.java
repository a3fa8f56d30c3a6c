package dev.fovea.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.text.Tokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.SocketTimeoutException;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Reading or writing on an interrupted thread is a cancellation: the file is not to blame, the thread stays interrupted, and an
/// existing file stays as it was.
class InterruptedFilesTest {
  @TempDir
  Path folder;
  private Path model;

  @BeforeEach
  void write() {
    model = folder.resolve("m.st");
    writer().write(model);
  }

  @AfterEach
  void clear() {
    Thread.interrupted();
  }

  private static CheckpointWriter writer() {
    return new CheckpointWriter().tensor("t", DType.U8, new long[] {4}, () -> Bytes.segment(new byte[4]));
  }

  private void requireCancelled(Object name, ThrowingCallable call) throws IOException {
    List<Path> before;
    try (var all = Files.list(folder)) {
      before = all.sorted().toList();
    }
    Thread.currentThread().interrupt();
    assertThatThrownBy(call).isExactlyInstanceOf(CancelledException.class).hasMessage(name + ": interrupted")
        .hasCauseInstanceOf(IOException.class);
    assertThat(Thread.interrupted()).as("the thread stays interrupted").isTrue();
    try (var all = Files.list(folder)) {
      assertThat(all.sorted()).as("no temporary file is left").isEqualTo(before);
    }
  }

  @ParameterizedTest
  @EnumSource
  void checkpoints(Residency residency) throws IOException {
    requireCancelled(model, () -> Checkpoint.open(model, residency));
    requireCancelled("the name", () -> Checkpoint.open(model, "the name", residency));
    assertThatCode(() -> Checkpoint.open(model, residency).close()).doesNotThrowAnyException();
  }

  /// It was taken for no model.
  @Test
  void headers() throws IOException {
    requireCancelled(model, () -> ModelHeader.open(model));
  }

  @Test
  void hashes() throws IOException {
    requireCancelled(model, () -> Sha256.of(model));
  }

  @Test
  void tokenizers() throws IOException {
    requireCancelled(model, () -> Tokenizer.open(model));
  }

  @Test
  void writers() throws IOException {
    var before = Files.readAllBytes(model);
    requireCancelled(model, () -> writer().write(model));
    requireCancelled(model, () -> WholeFile.write(model, new byte[10]));
    requireCancelled(model, () -> NpyFile.write(model, List.of(new float[1]), 1, 1));
    assertThat(model).hasBinaryContent(before);
    var other = folder.resolve("new");
    requireCancelled(other, () -> WholeFile.write(other, new byte[10]));
    var device = Path.of("/dev/null");
    if (Files.exists(device)) requireCancelled(device, () -> WholeFile.write(device, new byte[10]));
    WholeFile.write(other, new byte[10]);
    assertThat(other).hasSize(10);
  }

  /// The contents of a file that is written come from another one.
  @Test
  void copies() throws IOException {
    var from = new CheckpointWriter().tensor("t", DType.U8, new long[] {4}, sink -> {
      try (var channel = FileChannel.open(model)) {
        var bytes = Bytes.little(4);
        WholeFile.readFully("m", channel, bytes, 0);
        sink.write(bytes.flip());
      }
    });
    requireCancelled("the tensors", from::rehearse);
    requireCancelled(folder.resolve("new"), () -> from.write(folder.resolve("new")));
  }

  private static InputStream failing(IOException e) {
    return new InputStream() {
      @Override
      public int read() throws IOException {
        throw e;
      }
    };
  }

  @Test
  void pictures() throws IOException {
    try (var in = Channels.newInputStream(FileChannel.open(model))) {
      requireCancelled("a picture", () -> Picture.decode("a picture", in));
    }
    requireCancelled("p", () -> Picture.decode("p", failing(new InterruptedIOException())));
    requireCancelled("p", () -> Picture.decode("p", failing(new AsynchronousCloseException())));
    assertThatThrownBy(() -> Picture.decode("p", failing(new InterruptedIOException()))).as("a stream that took the status away")
        .isExactlyInstanceOf(CancelledException.class);
    assertThat(Thread.interrupted()).isTrue();
    for (var e : List.of(new SocketTimeoutException("slow"), new ClosedChannelException(), new IOException("broken")))
      assertThatThrownBy(() -> Picture.decode("p", failing(e))).as("no interruption").hasMessageStartingWith("p: cannot be read: ");
    assertThat(Thread.interrupted()).isFalse();
  }

  /// The thread that loads waits for others that read for it, and they find the channel closed.
  @Test
  void interruptedWhileLoading() throws Exception {
    var large = folder.resolve("large.st");
    var bytes = Bytes.segment(new byte[1 << 20]);
    var writer = new CheckpointWriter();
    for (int i = 0; i < 100; i++) writer.tensor("t" + i, DType.U8, new long[] {bytes.byteSize()}, () -> bytes);
    writer.write(large);
    for (int micros = 0; micros < 20_000; micros += 1_000) {
      var began = new CountDownLatch(1);
      var thread = new Thread(() -> {
        began.countDown();
        try {
          Checkpoint.open(large, Residency.LOADED).close();
        } catch (CancelledException _) {
          assertThat(Thread.currentThread().isInterrupted()).isTrue();
        }
      });
      var failures = new Throwable[1];
      thread.setUncaughtExceptionHandler((_, e) -> failures[0] = e);
      thread.start();
      began.await();
      Thread.sleep(micros / 1000, micros % 1000 * 1000);
      thread.interrupt();
      thread.join();
      assertThat(failures[0]).isNull();
    }
  }
}
