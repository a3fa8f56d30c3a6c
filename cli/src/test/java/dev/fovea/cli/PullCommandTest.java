package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The command in virtual machines of its own, with an environment and a hub on this machine. What hubs may do is in `HubTest`.
class PullCommandTest {
  private static final Path FIXTURE = Path.of("../weights-converter/src/test/resources/fixtures/vit-tiny").toAbsolutePath();
  private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";
  private static final int BEFORE_SILENCE = 100_000;

  @TempDir
  private Path folder;
  private ServerSocket hub;
  private final ConcurrentLinkedQueue<String> ranges = new ConcurrentLinkedQueue<>();
  private final CountDownLatch end = new CountDownLatch(1);
  private volatile boolean silent;

  private record Run(int status, String out, String err) {}

  @BeforeEach
  void start() throws IOException {
    hub = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread.startVirtualThread(() -> {
      while (!hub.isClosed())
        try {
          var socket = hub.accept();
          Thread.startVirtualThread(() -> serve(socket));
        } catch (IOException _) {
          // Closed.
        }
    });
  }

  @AfterEach
  void stop() throws IOException {
    end.countDown();
    hub.close();
  }

  private void serve(Socket socket) {
    try (socket) {
      var in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.ISO_8859_1));
      var request = in.readLine().split(" ");
      int from = 0;
      for (var line = in.readLine(); !line.isEmpty(); line = in.readLine())
        if (line.startsWith("Range: ")) {
          ranges.add(line);
          from = Integer.parseInt(line.replaceAll("Range: bytes=(\\d+)-", "$1"));
        }
      var body = request[1].startsWith("/api/") ? ("{\"sha\": \"" + COMMIT
          + "\", \"siblings\": [{\"rfilename\": \"config.json\"}, "
          + "{\"rfilename\": \"model.safetensors\"}, {\"rfilename\": \"preprocessor_config.json\"}]}")
          .getBytes(StandardCharsets.UTF_8)
          : Files.readAllBytes(FIXTURE.resolve(request[1].substring(request[1].lastIndexOf('/') + 1)));
      var out = socket.getOutputStream();
      out.write(("HTTP/1.1 " + (from > 0 ? "206" : "200") + " \r\nConnection: close\r\nETag: \"" + gitId(body)
          + "\"\r\nContent-Length: "
          + (body.length - from) + "\r\nContent-Range: bytes " + from + "-" + (body.length - 1) + "/" + body.length
          + "\r\n\r\n")
          .getBytes(StandardCharsets.ISO_8859_1));
      if (request[0].equals("HEAD")) return;
      boolean stall = silent && body.length > BEFORE_SILENCE;
      out.write(body, from, stall ? BEFORE_SILENCE : body.length - from);
      out.flush();
      if (stall) end.await();
    } catch (Exception _) {
      // The other side has hung up.
    }
  }

  private static String gitId(byte[] bytes) throws NoSuchAlgorithmException {
    var digest = MessageDigest.getInstance("SHA-1");
    digest.update(("blob " + bytes.length + "\0").getBytes(StandardCharsets.UTF_8));
    return HexFormat.of().formatHex(digest.digest(bytes));
  }

  private Process start(List<String> javaOptions, String... arguments) throws IOException {
    var command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
    command.addAll(javaOptions);
    command.addAll(List.of("-cp", SlowJavaTest.classPath(), "dev.fovea.cli.Fovea"));
    command.addAll(List.of(arguments));
    var builder = new ProcessBuilder(command).directory(folder.toFile()).redirectOutput(folder.resolve("out").toFile())
        .redirectError(folder.resolve("err").toFile());
    builder.environment().put("HF_ENDPOINT", "http://" + hub.getInetAddress().getHostAddress() + ":" + hub.getLocalPort());
    builder.environment().put("HF_HOME", folder.resolve("home").toString());
    builder.environment().keySet().removeAll(List.of("HF_HUB_CACHE", "HF_TOKEN", "HF_HUB_OFFLINE"));
    return builder.start();
  }

  private Run run(List<String> javaOptions, String... arguments) throws IOException, InterruptedException {
    var process = start(javaOptions, arguments);
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).as("ends").isTrue();
    return new Run(process.exitValue(), Files.readString(folder.resolve("out")), Files.readString(folder.resolve("err")));
  }

  @Test
  void pullsAndConverts() throws IOException, InterruptedException {
    var local = folder.resolve("local.safetensors");
    assertThat(Fovea.run("convert", FIXTURE.toString(), "-o", local.toString())).isZero();
    var pull = run(List.of(), "pull", "golden/vit-tiny");
    assertThat(pull).returns(0, Run::status).returns("", Run::err);
    assertThat(pull.out.lines().findFirst()).hasValue("golden/vit-tiny: commit " + COMMIT + ", kept in "
        + folder.resolve("home/hub/models--golden--vit-tiny/snapshots").resolve(COMMIT));
    assertThat(folder.resolve("vit-tiny.safetensors")).hasSameBinaryContentAs(local);
    // What was not named is not replaced.
    assertThat(run(List.of(), "pull", "golden/vit-tiny"))
        .isEqualTo(new Run(2, "", "fovea: vit-tiny.safetensors: is there already: -o vit-tiny.safetensors replaces it\n"));
    hub.close();
    assertThat(run(List.of(), "pull", "golden/vit-tiny", "-o", "vit-tiny.safetensors", "--dtype", "f16", "--offline"))
        .returns(0, Run::status);
    assertThat(Files.size(folder.resolve("vit-tiny.safetensors"))).isLessThan(Files.size(local));
  }

  @Test
  void goesOnAfterItWasKilled() throws Exception {
    silent = true;
    var process = start(List.of(), "pull", "golden/vit-tiny");
    var incomplete = folder.resolve("home/hub/models--golden--vit-tiny/blobs")
        .resolve(gitId(Files.readAllBytes(FIXTURE.resolve("model.safetensors"))) + ".incomplete");
    while (process.isAlive() && (!Files.exists(incomplete) || Files.size(incomplete) < BEFORE_SILENCE)) Thread.sleep(10);
    assertThat(process.destroyForcibly().waitFor()).isNotZero();
    assertThat(incomplete).hasSize(BEFORE_SILENCE);
    assertThat(folder.resolve("vit-tiny.safetensors")).doesNotExist();
    silent = false;
    assertThat(run(List.of(), "pull", "golden/vit-tiny")).returns(0, Run::status);
    assertThat(ranges).containsExactly("Range: bytes=" + BEFORE_SILENCE + "-");
    assertThat(folder.resolve("vit-tiny.safetensors")).exists();
  }

  /// Java tells which classes it loads: those of a network are none of another command's.
  @Test
  void othersUseNoNetwork() throws IOException, InterruptedException {
    assertThat(loaded("convert", FIXTURE.toString(), "-o", "model.safetensors")).isEmpty();
    assertThat(loaded("classify", "model.safetensors", FIXTURE.resolve("image.png").toString())).isEmpty();
    assertThat(loaded("pull", "golden/vit-tiny", "--offline"))
        .isNotEmpty().allMatch(name -> name.startsWith("dev.fovea.converter.hub."));
    assertThat(loaded("pull", "golden/vit-tiny")).contains("jdk.internal.net.http.HttpClientImpl", "sun.nio.ch.Net");
  }

  /// The loaded classes that have to do with a network.
  private List<String> loaded(String... arguments) throws IOException, InterruptedException {
    var log = folder.resolve("classes");
    run(List.of("-Xlog:class+load:file=" + log), arguments);
    try (var lines = Files.lines(log)) {
      return lines.map(line -> line.replaceFirst("^(\\[[^]]*])*\\s*", "").replaceFirst(" .*", ""))
          .filter(name -> name.startsWith("dev.fovea.converter.hub.") || name.contains(".net.http.") || name.equals("sun.nio.ch.Net"))
          .toList();
    }
  }
}
