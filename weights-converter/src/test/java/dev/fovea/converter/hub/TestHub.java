package dev.fovea.converter.hub;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;

/// A hub on this machine with one repository, and a second server where its large files are, as the public one has. It keeps to
/// the protocol but where a test says otherwise. Plain sockets, for the JDK's server cannot reset a connection.
final class TestHub implements AutoCloseable {
  static final String ID = "golden/vit", COMMIT = "0123456789abcdef0123456789abcdef01234567";

  /// What came to one of the two servers.
  record Request(boolean hub, String method, String path, Map<String, String> headers) {
    @Override
    public String toString() {
      return (hub ? "hub " : "store ") + method + " " + path.substring(path.lastIndexOf('/') + 1)
          + (headers.containsKey("range") ? " " + headers.get("range") : "");
    }
  }

  /// What is said to the one who asks.
  record Answer(int status, Map<String, String> headers, byte[] body) {
    static Answer of(int status, String... headers) {
      return of(status, new byte[0], headers);
    }

    static Answer of(int status, byte[] body, String... headers) {
      var all = new LinkedHashMap<String, String>();
      for (int i = 0; i < headers.length; i += 2) all.put(headers[i], headers[i + 1]);
      return new Answer(status, all, body);
    }
  }

  /// Mischief in place of an answer.
  @FunctionalInterface
  interface Fault {
    /// @param right what an honest server would say
    void answer(Request request, Answer right, Socket socket) throws Exception;
  }

  final Map<String, byte[]> files = new TreeMap<>();
  /// What the listing says beside the files that are there.
  final List<String> listed = new ArrayList<>();
  final List<Request> requests = Collections.synchronizedList(new ArrayList<>());
  private final Map<String, Queue<Fault>> faults = new TreeMap<>();
  private final ServerSocket hub, store;
  private final List<Thread> accepting;
  private final CountDownLatch end = new CountDownLatch(1);

  TestHub(Path folder, String... names) throws IOException {
    hub = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    store = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    for (var name : names) files.put(name, Files.readAllBytes(folder.resolve(name)));
    accepting = List.of(Thread.startVirtualThread(() -> accept(hub)), Thread.startVirtualThread(() -> accept(store)));
  }

  URI endpoint() {
    return URI.create("http://" + hub.getInetAddress().getHostAddress() + ":" + hub.getLocalPort());
  }

  /// Lets the next requests fare so, in this order.
  ///
  /// @param what a request as [Request#toString()] gives it, without its range
  void fault(String what, Fault... some) {
    faults.computeIfAbsent(what, _ -> new ArrayDeque<>()).addAll(List.of(some));
  }

  /// Another answer.
  static Fault says(Answer answer) {
    return (_, _, socket) -> write(socket, answer, answer.body.length);
  }

  /// No mischief.
  static Fault none() {
    return cut(Integer.MAX_VALUE);
  }

  /// The right answer, but only the first bytes of its body.
  static Fault cut(int bytes) {
    return (_, right, socket) -> write(socket, right, bytes);
  }

  /// The first bytes, and then silence.
  Fault stall(int bytes) {
    return (_, right, socket) -> {
      write(socket, right, bytes);
      end.await();
    };
  }

  /// The first bytes, and then the connection is reset.
  static Fault reset(int bytes) {
    return (_, right, socket) -> {
      write(socket, right, bytes);
      socket.setSoLinger(true, 0);
    };
  }

  /// The right answer with one wrong bit.
  static Fault damage(int at) {
    return (_, right, socket) -> {
      var body = right.body.clone();
      body[at] ^= 1;
      write(socket, new Answer(right.status, right.headers, body), body.length);
    };
  }

  List<String> asked() {
    synchronized (requests) {
      return requests.stream().map(Request::toString).toList();
    }
  }

  /// Requests for bytes of files, not for what is known of them.
  List<String> fetched() {
    return asked().stream().filter(each -> each.startsWith("store GET") || each.startsWith("hub GET")
        && !each.endsWith("main")
        && !each.endsWith(COMMIT)).toList();
  }

  static boolean isLarge(String name) {
    return name.matches(".*\\.(safetensors|bin|pth|npz)");
  }

  static String hash(String name, byte[] bytes) {
    try {
      var digest = MessageDigest.getInstance(isLarge(name) ? "SHA-256" : "SHA-1");
      if (!isLarge(name)) digest.update(("blob " + bytes.length + "\0").getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest.digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  String hash(String name) {
    return hash(name, files.get(name));
  }

  private void accept(ServerSocket server) {
    while (!server.isClosed())
      try {
        var socket = server.accept();
        Thread.startVirtualThread(() -> serve(socket, server == hub));
      } catch (IOException _) {
        // Closed.
      }
  }

  private void serve(Socket socket, boolean isHub) {
    try (socket) {
      var in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.ISO_8859_1));
      var first = in.readLine();
      if (first == null) return;
      var headers = new TreeMap<String, String>();
      for (var line = in.readLine(); !line.isEmpty(); line = in.readLine())
        headers.put(line.substring(0, line.indexOf(':')).toLowerCase(Locale.ROOT), line.substring(line.indexOf(':')
            + 1).strip());
      var request = new Request(isHub, first.split(" ")[0], first.split(" ")[1], headers);
      requests.add(request);
      var answer = isHub ? hub(request) : store(request);
      Fault fault;
      synchronized (faults) {
        var some = faults.get(request.toString().replaceFirst(" bytes=.*", ""));
        fault = some == null ? null : some.poll();
      }
      if (fault == null) write(socket, answer, request.method.equals("HEAD") ? 0 : answer.body.length);
      else fault.answer(request, answer, socket);
    } catch (Exception _) {
      // The other side has hung up.
    }
  }

  private Answer hub(Request request) {
    var path = request.path;
    if (path.equals("/api/models/" + ID + "/revision/main") || path.equals("/api/models/" + ID + "/revision/" + COMMIT)
        || path.equals("/api/models/" + ID + "/revision/refs%2Fpr%2F1"))
      return Answer.of(200, listing().getBytes(StandardCharsets.UTF_8));
    if (path.startsWith("/api/models/" + ID + "/")) return Answer.of(404, "X-Error-Code", "RevisionNotFound");
    if (path.startsWith("/api/models/")) return Answer.of(401, "X-Error-Code", "RepoNotFound");
    // Small files are elsewhere in the hub, large ones at the store.
    var start = "/" + ID + "/resolve/" + COMMIT + "/";
    var direct = path.startsWith("/direct/") ? path.substring(8) : null;
    var name = URLDecoder.decode(direct != null ? direct : path.startsWith(start) ? path.substring(start.length()) : "",
        StandardCharsets.UTF_8);
    if (!files.containsKey(name)) return Answer.of(404, "X-Error-Code", "EntryNotFound");
    if (direct != null) return content(request, name, "ETag", "\"" + hash(name) + "\"");
    if (!isLarge(name)) return Answer.of(307, "Location", "/direct/" + path.substring(start.length()), "X-Repo-Commit",
        COMMIT, "ETag", "\"redirect\"");
    return Answer.of(302, "Location", "http://" + store.getInetAddress().getHostAddress() + ":" + store.getLocalPort() + "/"
        + hash(name) + "/" + Names.encoded(name),
        "X-Repo-Commit", COMMIT, "X-Linked-Etag", "\"" + hash(name) + "\"", "X-Linked-Size",
            Integer.toString(files.get(name).length),
        "ETag", "\"another\"");
  }

  private String listing() {
    var names = new ArrayList<>(files.keySet());
    names.addAll(listed);
    return "{\"id\": \"" + ID + "\", \"sha\": \"" + COMMIT + "\", \"siblings\": ["
        + names.stream().map(name -> "{\"rfilename\": \"" + name + "\"}").collect(Collectors.joining(", ")) + "]}";
  }

  private Answer store(Request request) {
    return content(request, URLDecoder.decode(request.path.substring(request.path.lastIndexOf('/') + 1),
        StandardCharsets.UTF_8));
  }

  private Answer content(Request request, String name, String... headers) {
    var bytes = files.get(name);
    var range = request.headers.get("range");
    if (range == null) return Answer.of(200, bytes, headers);
    int from = Integer.parseInt(range.replaceAll("bytes=(\\d+)-", "$1"));
    if (from >= bytes.length) return Answer.of(416, "Content-Range", "bytes */" + bytes.length);
    return Answer.of(206, Arrays.copyOfRange(bytes, from, bytes.length), "Content-Range", "bytes " + from + "-"
        + (bytes.length - 1) + "/" + bytes.length);
  }

  /// Writes the first bytes of an answer that announces all of them.
  private static void write(Socket socket, Answer answer, int bytes) throws IOException {
    var text = new StringBuilder("HTTP/1.1 " + answer.status + " \r\nConnection: close\r\nContent-Length: "
        + answer.body.length + "\r\n");
    answer.headers.forEach((name, value) -> text.append(name).append(": ").append(value).append("\r\n"));
    OutputStream out = socket.getOutputStream();
    out.write(text.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1));
    out.write(answer.body, 0, Math.min(bytes, answer.body.length));
    out.flush();
  }

  @Override
  public void close() throws IOException {
    end.countDown();
    hub.close();
    store.close();
    // A port takes calls until the thread that waits at it has noticed.
    for (var thread : accepting)
      try {
        thread.join();
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
  }
}
