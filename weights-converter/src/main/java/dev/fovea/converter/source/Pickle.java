package dev.fovea.converter.source;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.fovea.converter.source.PickleValue.Dict;
import dev.fovea.converter.source.PickleValue.Items;
import dev.fovea.converter.source.PickleValue.Known.ElementType;
import dev.fovea.converter.source.PickleValue.Known.Function;
import dev.fovea.converter.source.PickleValue.Known.ScriptClass;
import dev.fovea.converter.source.PickleValue.Known.StorageType;
import dev.fovea.converter.source.PickleValue.ScriptModule;
import dev.fovea.converter.source.PickleValue.Storage;
import dev.fovea.converter.source.PickleValue.TensorView;
import dev.fovea.converter.source.PickleValue.Tuple;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.DType;
import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jetbrains.annotations.Nullable;

/// Reads pickles of protocols 2 to 5 as `torch.save` writes them, and executes nothing: it supports tensors and plain containers,
/// and refuses every other name (ref: CPython, `Lib/pickletools.py`).
///
/// Bytes, steps and texts are limited, and with them memory and time. Nesting needs no limit here, because no step inspects the
/// contents of its operands.
final class Pickle {
  private static final long MAX_BYTES = 64 << 20;
  private static final int MAX_STEPS = 4_000_000;
  private static final int MAX_TEXT = 1 << 20;
  private static final int MAX_LINE = 256;
  private static final int MAX_INTEGER_BYTES = 64;
  /// The Python package of a TorchScript archive's classes.
  private static final String SCRIPT = "__torch__";
  private static final Pattern KEY = Pattern.compile("\\w{1,64}");

  private final String file;
  private final MemorySegment bytes;
  private final boolean script;
  private final List<@Nullable Object> stack = new ArrayList<>();
  private final List<Integer> marks = new ArrayList<>();
  private final Map<Long, @Nullable Object> memo = new HashMap<>();
  private final Map<String, Storage> storages = new HashMap<>();
  private long at;
  private int steps;

  private Pickle(String file, MemorySegment bytes, long at, boolean script) {
    this.file = file;
    this.bytes = bytes;
    this.script = script;
    this.at = at;
  }

  /// A value, the offset of the bytes after it, and the storages that it refers to.
  record Result(@Nullable Object value, long end, Map<String, Storage> storages) {}

  /// Reads the pickle that begins at byte `from`.
  ///
  /// @param file the file's name in error messages
  /// @throws CheckpointException if it is broken, too large, or holds anything but tensors and plain containers
  static Result read(String file, MemorySegment bytes, long from) {
    return read(file, bytes, from, false);
  }

  /// Reads the pickle of a TorchScript archive, in which modules are objects of the archive's own classes.
  ///
  /// @param file the file's name in error messages
  /// @throws CheckpointException if it is broken, too large, or holds anything but tensors, plain containers and modules
  static Result readScript(String file, MemorySegment bytes) {
    return read(file, bytes, 0, true);
  }

  private static Result read(String file, MemorySegment bytes, long from, boolean script) {
    return new Pickle(file, bytes.asSlice(0, Math.min(bytes.byteSize(), from + MAX_BYTES)), from, script).run();
  }

  private CheckpointException broken(String why) {
    return new CheckpointException(file + ": not a pickle of tensors: " + why.replaceAll("\\p{Cntrl}", "?") + " (at byte " + at
        + ")");
  }

  private CheckpointException refused(String name) {
    return broken("it uses '" + name
        + "', and only tensors and plain containers are read, nothing is executed; save the state_dict alone");
  }

  private Result run() {
    for (int op = unsignedByte(); op != '.'; op = unsignedByte()) {
      if (++steps > MAX_STEPS) throw broken("it has more than " + MAX_STEPS + " steps");
      step(op);
    }
    return new Result(pop(), at, storages);
  }

  private void step(int op) {
    switch (op) {
      case 0x80 -> protocol();
      case 0x95 -> frame();
      case '(' -> marks.add(stack.size());
      case '0' -> pop();
      case '1' -> popToMark();
      case '2' -> stack.add(top());
      case 'N' -> stack.add(null);
      case 0x88 -> stack.add(true);
      case 0x89 -> stack.add(false);
      case 'J' -> stack.add((long) (int) unsigned(4));
      case 'K' -> stack.add(unsigned(1));
      case 'M' -> stack.add(unsigned(2));
      case 0x8a -> stack.add(integer(unsigned(1)));
      case 0x8b -> stack.add(integer(unsigned(4)));
      case 'G' -> stack.add(Double.longBitsToDouble(Long.reverseBytes(unsigned(8))));
      case 'X', 'T' -> stack.add(text(unsigned(4)));
      case 0x8c, 'U' -> stack.add(text(unsigned(1)));
      case 0x8d -> stack.add(text(unsigned(8)));
      case 'B' -> stack.add(raw(unsigned(4)));
      case 'C' -> stack.add(raw(unsigned(1)));
      case 0x8e, 0x96 -> stack.add(raw(unsigned(8)));
      case ']', 0x8f -> stack.add(new Items(new ArrayList<>()));
      case 'l', 0x91 -> stack.add(new Items(popToMark()));
      case 'a' -> append(pop(1));
      case 'e', 0x90 -> append(popToMark());
      case ')' -> stack.add(new Tuple(List.of()));
      case 't' -> stack.add(new Tuple(popToMark()));
      case 0x85 -> stack.add(new Tuple(pop(1)));
      case 0x86 -> stack.add(new Tuple(pop(2)));
      case 0x87 -> stack.add(new Tuple(pop(3)));
      case '}' -> stack.add(new Dict());
      case 'd' -> dict(popToMark());
      case 's' -> setItems(pop(2));
      case 'u' -> setItems(popToMark());
      case 'q' -> memo.put(unsigned(1), top());
      case 'r' -> memo.put(unsigned(4), top());
      case 0x94 -> memo.put((long) memo.size(), top());
      case 'h' -> remembered(unsigned(1));
      case 'j' -> remembered(unsigned(4));
      case 'c' -> global(line(), line());
      case 0x93 -> stackGlobal();
      case 'i' -> throw refused(line() + "." + line());
      case 'R', 0x81 -> call();
      case 'b' -> build();
      case 'Q' -> stack.add(remembered(storage(pop())));
      default -> throw broken("expected a step of protocol 2 to 5, got "
          + (op > ' ' && op < 127 ? "'" + (char) op + "'" : "0x" + Integer.toHexString(op)));
    }
  }

  // Bytes.

  private void need(long n) {
    if (n < 0 || n > bytes.byteSize() - at)
      throw broken("expected " + Long.toUnsignedString(n) + " more bytes, got " + (bytes.byteSize() - at)
          + (bytes.byteSize() - at > MAX_BYTES / 2 ? "; pickles of more than " + MAX_BYTES + " bytes are not read" : ""));
  }

  private int unsignedByte() {
    need(1);
    return bytes.get(JAVA_BYTE, at++) & 0xff;
  }

  /// A little-endian number of `n` bytes.
  private long unsigned(int n) {
    long value = 0;
    for (int i = 0; i < n; i++) value |= (long) unsignedByte() << 8 * i;
    return value;
  }

  private byte[] raw(long n) {
    if (n < 0 || n > MAX_TEXT)
      throw broken("expected texts of at most " + MAX_TEXT + " bytes, got one of " + Long.toUnsignedString(n));
    need(n);
    var raw = bytes.asSlice(at, n).toArray(JAVA_BYTE);
    at += n;
    return raw;
  }

  private String text(long n) {
    return new String(raw(n), StandardCharsets.UTF_8);
  }

  private String line() {
    var line = new StringBuilder();
    for (int c = unsignedByte(); c != '\n'; c = unsignedByte()) {
      if (line.length() == MAX_LINE) throw broken("a name is longer than " + MAX_LINE);
      line.append((char) c);
    }
    return line.toString();
  }

  /// A signed number of `n` bytes.
  private Object integer(long n) {
    if (n > MAX_INTEGER_BYTES) throw broken("an integer has " + n + " bytes");
    var raw = raw(n);
    for (int i = 0, j = raw.length - 1; i < j; i++, j--) {
      byte low = raw[i];
      raw[i] = raw[j];
      raw[j] = low;
    }
    var value = raw.length == 0 ? BigInteger.ZERO : new BigInteger(raw);
    return value.bitLength() < Long.SIZE ? (Object) value.longValue() : value;
  }

  private void protocol() {
    int protocol = unsignedByte();
    if (protocol < 2 || protocol > 5) throw broken("expected protocol 2 to 5, got " + protocol);
  }

  /// Frames only announce how much can be read at once.
  private void frame() {
    need(unsigned(8));
  }

  // The stack.

  private int bottom() {
    return marks.isEmpty() ? 0 : marks.getLast();
  }

  private @Nullable Object top() {
    if (stack.size() <= bottom()) throw broken("a step needs a value, and there is none");
    return stack.getLast();
  }

  private @Nullable Object pop() {
    top();
    return stack.removeLast();
  }

  /// Removes and returns the last `n` values.
  private List<@Nullable Object> pop(int n) {
    if (stack.size() - bottom() < n) throw broken("a step needs " + n + " values, and there are " + (stack.size() - bottom()));
    return take(stack.size() - n);
  }

  private List<@Nullable Object> popToMark() {
    if (marks.isEmpty()) throw broken("a step needs a mark, and there is none");
    return take(marks.removeLast());
  }

  private List<@Nullable Object> take(int from) {
    var values = new ArrayList<>(stack.subList(from, stack.size()));
    stack.subList(from, stack.size()).clear();
    return values;
  }

  private void remembered(long index) {
    if (!memo.containsKey(index)) throw broken("value " + index + " is used before it is remembered");
    stack.add(memo.get(index));
  }

  // Containers.

  private void append(List<@Nullable Object> values) {
    if (!(top() instanceof Items list)) throw broken("expected a list to append to, got " + kind(top()));
    list.items().addAll(values);
  }

  private void dict(List<@Nullable Object> entries) {
    stack.add(new Dict());
    setItems(entries);
  }

  private void setItems(List<@Nullable Object> entries) {
    if (!(top() instanceof Dict dict)) throw broken("expected a dictionary to put entries in, got " + kind(top()));
    if (entries.size() % 2 != 0) throw broken("a key has no value");
    for (int i = 0; i < entries.size(); i += 2) dict.put(entries.get(i), entries.get(i + 1));
  }

  /// A value's kind for error messages; never its contents.
  static String kind(@Nullable Object value) {
    return switch (value) {
      case null -> "None";
      case Dict _ -> "a dictionary";
      case Items _ -> "a list";
      case Tuple _ -> "a tuple";
      case TensorView _ -> "a tensor";
      case Storage _ -> "a storage";
      case ScriptModule _ -> "a module";
      case String _ -> "a text";
      case Long _, BigInteger _ -> "an integer";
      default -> value.getClass().getSimpleName();
    };
  }

  // Names, and the few functions that may be called.

  private void global(String module, String name) {
    var known = script && (module + ".").startsWith(SCRIPT + ".") ? new ScriptClass() : PickleGlobals.of(module, name);
    if (known == null) throw refused(module + "." + name);
    stack.add(known);
  }

  private void stackGlobal() {
    var both = pop(2);
    if (!(both.get(0) instanceof String module) || !(both.get(1) instanceof String name))
      throw broken("expected the texts of a name");
    if (module.length() > MAX_LINE || name.length() > MAX_LINE) throw broken("a name is longer than " + MAX_LINE);
    global(module, name);
  }

  /// Sets attributes. Those of an `OrderedDict`, such as a state_dict's versions, are not needed; a module consists of them.
  private void build() {
    var attributes = pop();
    switch (top()) {
      case Dict _ -> {}
      case ScriptModule module -> {
        if (!(attributes instanceof Dict dict))
          throw broken("expected a module's attributes in a dictionary, got " + kind(attributes));
        module.setAttributes(dict);
      }
      case null, default -> throw broken("expected attributes of a dictionary, got those of " + kind(top()));
    }
  }

  private void call() {
    var both = pop(2);
    if (both.get(0) instanceof ScriptClass) {
      stack.add(new ScriptModule());
      return;
    }
    if (!(both.get(0) instanceof Function function)) throw broken("expected a function to call, got " + kind(both.get(0)));
    if (!(both.get(1) instanceof Tuple(var arguments))) throw broken("expected a tuple of arguments, got " + kind(both.get(1)));
    stack.add(switch (function) {
      case REBUILD_TENSOR, REBUILD_TENSOR_V2 -> tensor(arguments, null);
      case REBUILD_TENSOR_V3 -> tensor(arguments, argument(arguments, 6, ElementType.class, "an element type").dtype());
      case REBUILD_PARAMETER -> argument(arguments, 0, TensorView.class, "a tensor");
      case ORDERED_DICT -> orderedDict(arguments);
      case SIZE -> argument(arguments, 0, Tuple.class, "a tuple");
      case LIST -> argument(arguments, 0, Items.class, "a list");
      case DEVICE -> argument(arguments, 0, String.class, "a device's name");
    });
  }

  private <T> T argument(List<@Nullable Object> arguments, int i, Class<T> type, String expected) {
    if (i >= arguments.size())
      throw broken("argument " + (i + 1) + ": expected " + expected + ", got " + arguments.size() + " arguments");
    if (!type.isInstance(arguments.get(i)))
      throw broken("argument " + (i + 1) + ": expected " + expected + ", got " + kind(arguments.get(i)));
    return type.cast(arguments.get(i));
  }

  private Dict orderedDict(List<@Nullable Object> arguments) {
    var dict = new Dict();
    if (!arguments.isEmpty())
      for (var pair : argument(arguments, 0, Items.class, "a list of pairs").items()) {
        if (!(pair instanceof Tuple(var two)) || two.size() != 2) throw broken("expected a pair, got " + kind(pair));
        dict.put(two.get(0), two.get(1));
      }
    return dict;
  }

  private TensorView tensor(List<@Nullable Object> arguments, @Nullable DType given) {
    var storage = argument(arguments, 0, Storage.class, "a storage");
    var dtype = given == null ? storage.dtype() : given;
    if (dtype == null) throw broken("a tensor of a storage without a type has none either");
    return new TensorView(storage, dtype, argument(arguments, 1, Long.class, "an offset"),
        lengths(argument(arguments, 2, Tuple.class, "a shape")),
        lengths(argument(arguments, 3, Tuple.class, "strides")));
  }

  private List<Long> lengths(Tuple tuple) {
    var lengths = new ArrayList<Long>();
    for (var each : tuple.items()) {
      if (!(each instanceof Long length)) throw broken("expected an integer in a shape, got " + kind(each));
      lengths.add(length);
    }
    return List.copyOf(lengths);
  }

  /// The reference to a storage: `('storage', type, key, location, elements)` and, in the older stream, a part of it.
  private Storage storage(@Nullable Object id) {
    if (!(id instanceof Tuple(var parts)) || parts.size() < 5 || !"storage".equals(parts.getFirst()))
      throw broken("expected a storage" + (id instanceof Tuple(var other) && !other.isEmpty() && "module".equals(other.getFirst())
          ? ", got a whole module; save the state_dict alone" : ", got " + kind(id)));
    var dtype = argument(parts, 1, StorageType.class, "a type of storages").dtype();
    var key = argument(parts, 2, String.class, "a storage's key");
    if (!KEY.matcher(key).matches()) throw broken("expected a storage's key, got '" + key + "'");
    long numel = argument(parts, 4, Long.class, "a number of elements");
    if (parts.size() == 5 || parts.get(5) == null) return new Storage(key, dtype, numel, 0, numel);
    var view = argument(parts, 5, Tuple.class, "a part of a storage").items();
    long offset = argument(view, 1, Long.class, "an offset"), size = argument(view, 2, Long.class, "a size");
    if (offset < 0 || size < 0 || offset > numel - size)
      throw broken("storage '" + key + "' has no part [" + offset + ", " + offset + " + " + size + ")");
    return new Storage(key, dtype, numel, offset, size);
  }

  private Storage remembered(Storage storage) {
    var other = storages.putIfAbsent(storage.key(), storage);
    if (other != null && (other.dtype() != storage.dtype() || other.numel() != storage.numel()))
      throw broken("storage '" + storage.key() + "' is " + other.dtype() + " of " + other.numel() + " elements, and elsewhere "
          + storage.dtype()
          + " of " + storage.numel());
    return storage;
  }
}
