package dev.fovea.kernels.tornado;

import dev.fovea.kernels.Recording;
import dev.fovea.kernels.Weight;
import java.lang.foreign.MemorySegment;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// The arrays of a recorded pass: one for all inputs, one for all intermediate results, one for all that is read after a run, one
/// for each state, and those of the weights.
final class ProgramMemory implements Places {
  /// Floats between the beginnings of two buffers in an array: a cache line.
  private static final int ALIGNMENT = 16;

  /// What no pass computes: a NaN with bits of its own, which the results hold before the first run.
  private static final float MISSING = Float.intBitsToFloat(0x7fc0fea1);

  /// A piece of an array that stands for a recorded buffer.
  private record Piece(Recording.Buffer buffer, Place place) {
    Place at(long address) {
      return new Place(place.array(), Ints.of("an offset", place.at() + (address - buffer.address()) / Float.BYTES));
    }
  }

  private final HostArrays weights;
  private Map<String, MemorySegment> given;
  private final TreeMap<Long, Piece> pieces = new TreeMap<>(), outputs = new TreeMap<>();
  private final Map<String, FloatArray> states = new LinkedHashMap<>();
  private final FloatArray inputs, constants, results, memory;
  private final Recording recording;
  /// What [HostArrays] may forget while no program needs it.
  private final List<Object> kept = new ArrayList<>();
  /// Scratch arrays of one size; operations share them, for they run one after the other.
  private static final class Scratch {
    private final List<FloatArray> all = new ArrayList<>();
    private int used;
  }

  private final Map<Integer, Scratch> scratch = new HashMap<>();
  /// Calls with the same numbers share them.
  private final Map<IntBuffer, IntArray> ints = new HashMap<>();
  private final Map<Object, Boolean> loaded = new IdentityHashMap<>();

  /// @param given memory of inputs in the host, by name, with that of all states
  ProgramMemory(Recording recording, Map<String, MemorySegment> given, HostArrays weights) {
    give(given);
    this.recording = recording;
    this.weights = weights;
    var stateNames = recording.states();
    inputs = packed(recording.inputs().entrySet().stream().filter(input -> !stateNames.contains(input.getKey()))
        .map(Map.Entry::getValue).toList(), pieces);
    for (var name : stateNames) {
      var buffer = recording.inputs().get(name);
      states.put(name, packed(List.of(buffer), pieces));
    }
    constants = packed(recording.constants().buffers(), pieces);
    results = packed(longest(recording.outputs()), outputs);
    for (int i = 0; i < results.getSize(); i++) results.set(i, MISSING);
    memory = array(recording.plan().bytes() / Float.BYTES);
    var buffers = recording.buffers();
    for (int i = 0; i < buffers.size(); i++) {
      var place = recording.plan().place(i, buffers.get(i).bytes());
      put(new Piece(buffers.get(i), new Place(memory, Ints.of("an offset", place.offset() / Float.BYTES))), pieces);
    }
  }

  private static FloatArray packed(Collection<Recording.Buffer> buffers, TreeMap<Long, Piece> to) {
    long floats = 0;
    for (var buffer : buffers) floats += aligned(buffer);
    var array = array(floats);
    int at = 0;
    for (var buffer : buffers) {
      put(new Piece(buffer, new Place(array, at)), to);
      at += aligned(buffer);
    }
    return array;
  }

  /// Of outputs that begin at the same place the one that holds the others.
  private static Collection<Recording.Buffer> longest(List<Recording.Buffer> outputs) {
    var longest = new TreeMap<Long, Recording.Buffer>();
    for (var output : outputs) longest.merge(output.address(), output, (a, b) -> a.bytes() < b.bytes() ? b : a);
    return longest.values();
  }

  private static int aligned(Recording.Buffer buffer) {
    return Math.ceilDiv(Ints.of("a buffer", buffer.bytes() / Float.BYTES), ALIGNMENT) * ALIGNMENT;
  }

  private static FloatArray array(long floats) {
    var array = new FloatArray(Ints.of("the memory of a pass", Math.max(ALIGNMENT, floats)));
    array.init(0);
    return array;
  }

  private static void put(Piece piece, TreeMap<Long, Piece> to) {
    to.put(piece.buffer.address(), piece);
  }

  /// The arrays that the pass writes.
  List<FloatArray> ownArrays() {
    var arrays = new ArrayList<>(List.of(memory, constants, results));
    arrays.addAll(states.values());
    return arrays;
  }

  /// Other memory of inputs in the host from now on.
  final void give(Map<String, MemorySegment> given) {
    this.given = Map.copyOf(given);
  }

  /// A state's memory in the host.
  MemorySegment given(String state) {
    return given.get(state);
  }

  /// Copies the given inputs that are no states to their array.
  void takeInputs() {
    given.forEach((name, memory) -> {
      var buffer = recording.inputs().get(name);
      if (!states.containsKey(name)) arrayOf(MemorySegment.ofAddress(buffer.address()), buffer.bytes()).copyFrom(memory);
    });
  }

  /// The array of all inputs but states.
  FloatArray inputs() {
    return inputs;
  }

  /// The array of all results.
  FloatArray results() {
    return results;
  }

  /// The states by the names of their inputs.
  Map<String, FloatArray> states() {
    return states;
  }

  /// Whether an array has contents of its own, which the device is given once: a weight, or the numbers of a call.
  boolean isLoaded(Object array) {
    return loaded.containsKey(array);
  }

  /// Whether a run has left something in each number of all outputs.
  boolean hasResults() {
    for (var output : outputs.values())
      for (int i = 0; i < output.buffer.bytes() / Float.BYTES; i++)
        if (Float.floatToRawIntBits(results.get(output.place.at() + i)) == Float.floatToRawIntBits(MISSING)) return false;
    return true;
  }

  /// Where a run leaves an output.
  Place result(Recording.Buffer output) {
    return find(outputs, output.address()).at(output.address());
  }

  /// The memory of an input, the given one if there is one, or of a part of an output.
  ///
  /// @throws IllegalArgumentException if it is another buffer of the pass
  MemorySegment host(MemorySegment recorded, long bytes) {
    for (var input : given.entrySet()) {
      var buffer = recording.inputs().get(input.getKey());
      if (buffer.holds(recorded.address())) return input.getValue().asSlice(recorded.address() - buffer.address(), bytes);
    }
    return arrayOf(recorded, bytes);
  }

  private MemorySegment arrayOf(MemorySegment recorded, long bytes) {
    var found = find(outputs, recorded.address());
    if (found == null) found = find(pieces, recorded.address());
    boolean isHost = found != null && (found.place.array() == inputs || found.place.array() == results);
    if (!isHost) throw new IllegalArgumentException("a device keeps all buffers but inputs and outputs");
    var place = found.at(recorded.address());
    return place.array().getSegment().asSlice((long) place.at() * Float.BYTES, bytes);
  }

  private static Piece find(TreeMap<Long, Piece> in, long address) {
    var entry = in.floorEntry(address);
    return entry != null && entry.getValue().buffer.holds(address) ? entry.getValue() : null;
  }

  @Override
  public Place of(MemorySegment recorded) {
    if (Recording.holds(recorded)) return find(pieces, recorded.address()).at(recorded.address());
    return new Place(load(weights.floats(recorded)), 0);
  }

  @Override
  public DeviceWeight weight(Weight weight) {
    if (Recording.holds(weight.segment())) return DeviceWeight.computed(of(weight.segment()), weight.n(), weight.k());
    var found = weights.weight(weight);
    kept.add(found);
    load(found.floats());
    if (found.bytes() != null) load(found.bytes());
    return found;
  }

  /// Frees the scratch arrays for the next operation's steps.
  void nextOperation() {
    scratch.values().forEach(arrays -> arrays.used = 0);
  }

  @Override
  public FloatArray scratch(int floats) {
    var arrays = scratch.computeIfAbsent(floats, _ -> new Scratch());
    if (arrays.used == arrays.all.size()) arrays.all.add(array(floats));
    return arrays.all.get(arrays.used++);
  }

  @Override
  public IntArray ints(int... values) {
    return load(ints.computeIfAbsent(IntBuffer.wrap(values), _ -> IntArray.fromArray(values)));
  }

  @Override
  public FloatArray floats(float... values) {
    return load(FloatArray.fromArray(values));
  }

  private <T> T load(T array) {
    loaded.put(array, true);
    return array;
  }
}
