package dev.fovea.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointWeights;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.Destination;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.RandomWeights;
import dev.fovea.engine.checkpoint.StoredTensor;
import dev.fovea.engine.checkpoint.WeightSource;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.image.Resample;
import dev.fovea.engine.image.mask.Mask;
import dev.fovea.engine.image.mask.RunLengths;
import dev.fovea.engine.nn.CrossAttention;
import dev.fovea.engine.nn.GridAttention;
import dev.fovea.engine.nn.GroupedAttention;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.MultiHeadAttention;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.RotaryPositions;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.Constants;
import dev.fovea.engine.tensor.Pass;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Placement;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Recording;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Window;
import dev.fovea.kernels.Workers;
import com.google.gson.JsonObject;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.AttributedElement;
import java.lang.classfile.Attributes;
import java.lang.classfile.ClassFile;
import java.lang.classfile.MethodModel;
import java.lang.classfile.TypeAnnotation;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jetbrains.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Every public method and constructor of the exported types of kernels and engine refuses a null at once with a
/// [NullPointerException] that names the parameter, except where the parameter is `@Nullable`.
///
/// Layers pass most arguments of a forward pass on to operations, which refuse them.
class NullsTest {
  /// Their messages may be null.
  private static final Class<?> EXCEPTIONS = Throwable.class;
  private static final String NULLABLE = "Lorg/jetbrains/annotations/Nullable;";

  /// Arguments and receivers by type.
  private final Map<Class<?>, Object> samples = new HashMap<>();

  private <T> T sample(Class<T> type, T sample) {
    samples.put(type, sample);
    return sample;
  }

  private void makeSamples(Path folder) {
    var arena = sample(Arena.class, Arena.ofAuto());
    var segment = sample(MemorySegment.class, arena.allocate(16, 64));
    sample(String.class, "s");
    sample(Path.class, folder.resolve("s"));
    sample(Object.class, "s");
    sample(ByteBuffer.class, ByteBuffer.allocate(4));
    sample(InputStream.class, new ByteArrayInputStream(new byte[0]));
    sample(IOException.class, new IOException("s"));
    sample(BufferedImage.class, new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB));
    sample(Workers.class, Workers.threads(1));
    var kernels = sample(Kernels.class, KernelProvider.REFERENCE.open(Workers.threads(1)));
    var workspace = sample(Workspace.class, new Workspace(kernels));
    var tensor = sample(Tensor.class, Tensor.over(segment, 2, 2));
    var weight = sample(Weight.class, Weight.rows(segment, 2, 2));
    sample(Window.class, Window.square(1));
    var matrices = sample(Matrices.class, Matrices.dense(segment, 1, 2, 2));
    sample(Operation.class, new Operation.Copy(matrices, matrices));
    sample(Recording.class, Workspace.dryRun(x -> x.times(2), List::of, 2, 2));
    sample(Plan.class, Plan.of(List.of(), 0));
    sample(Placement.class, new Placement((Recording) samples.get(Recording.class), arena, Map.of()));
    sample(Pass.class, workspace.prepare(Map.of("x", new int[] {2, 2}), Map.of(), in -> List.of(in.get("x").times(2))));
    sample(Constants.class, new Constants(0));
    var linear = sample(Linear.class, new Linear(weight, tensor));
    sample(MultiHeadAttention.class, new MultiHeadAttention(linear, linear, 1));
    sample(CrossAttention.class, new CrossAttention(linear, linear, linear, 1));
    sample(GridAttention.class, new GridAttention(linear, linear, 1, tensor, tensor));
    sample(RotaryPositions.Scaling.class, RotaryPositions.Scaling.NONE);
    sample(RotaryPositions.class, new RotaryPositions(2, 10, RotaryPositions.Scaling.NONE, 1));
    var both = new Linear(Weight.rows(arena.allocate(32, 64), 4, 2), null);
    sample(GroupedAttention.class, new GroupedAttention(linear, both, linear, 1, 1));
    sample(Probe.class, Probe.all());
    sample(Tokens.class, Tokens.grid(1, 1));
    sample(Checkpoint.class, Checkpoint.read("s", new byte[] {2, 0, 0, 0, 0, 0, 0, 0, '{', '}'}));
    sample(CheckpointWriter.class, new CheckpointWriter());
    sample(Destination.class, Destination.of(folder.resolve("s")));
    sample(JsonFields.class, JsonFields.parse("s", "{}"));
    sample(JsonObject.class, new JsonObject());
    sample(CheckpointWeights.class, new CheckpointWeights((Checkpoint) samples.get(Checkpoint.class), arena));
    sample(StoredTensor.class, new StoredTensor("s", DType.F32, List.of(4L), segment));
    sample(WeightSource.class, new RandomWeights(arena, 1));
    sample(RandomWeights.class, new RandomWeights(arena, 1));
    sample(Weights.class, Weights.bind(WeightSource.shapesOnly(), weights -> weights).model());
    sample(Picture.class, new Picture("s", 1, 1, new byte[3]));
    sample(Preprocessing.class,
        new Preprocessing(new Preprocessing.Resize(1, 1, 0, 0), Resample.BILINEAR, null, 1, new float[3], new float[] {1, 1, 1}));
    sample(Preprocessing.Pixels.class, new Preprocessing.Pixels(1, 1, new float[3]));
    sample(Mask.class, new Mask(1, 1, new boolean[1]));
    sample(RunLengths.class, new RunLengths(1, 1, new int[] {1}));
    sample(Tokenizer.class, Tokenizer.read("s", """
        {"model": {"type": "WordPiece", "unk_token": "a", "continuing_subword_prefix": "##", "max_input_chars_per_word": 9,
          "vocab": {"a": 0}}}""".getBytes()));
  }

  private Object sample(Class<?> type) throws ReflectiveOperationException {
    if (samples.containsKey(type)) return samples.get(type);
    Object made;
    if (type == boolean.class) made = false;
    else if (type == float.class) made = 1f;
    else if (type == double.class) made = 1.0;
    else if (type == long.class) made = 1L;
    else if (type == int.class) made = 1;
    else if (type.isArray()) made = Array.newInstance(type.componentType(), 1);
    else if (type.isEnum()) made = type.getEnumConstants()[0];
    else if (type.isAssignableFrom(List.class)) made = List.of();
    else if (type == Map.class) made = Map.of();
    else if (type == Set.class) made = Set.of();
    else if (type.isInterface())
      made = Proxy.newProxyInstance(NullsTest.class.getClassLoader(), new Class<?>[] {type}, (_, _, _) -> null);
    else if (type.isRecord()) made = create(type.getConstructors()[0]);
    else throw new AssertionError("there is no sample of " + type);
    samples.put(type, made);
    return made;
  }

  private Object create(Constructor<?> constructor) throws ReflectiveOperationException {
    return constructor.newInstance(arguments(constructor));
  }

  private Object[] arguments(Executable call) throws ReflectiveOperationException {
    var arguments = new ArrayList<>();
    for (var type : call.getParameterTypes()) arguments.add(sample(type));
    return arguments.toArray();
  }

  /// The public types in the exported packages of a module.
  private static List<Class<?>> types(Module module) throws Exception {
    var types = new ArrayList<Class<?>>();
    try (var reader = module.getLayer().configuration().findModule(module.getName()).orElseThrow().reference().open()) {
      for (var file : reader.list().filter(file -> file.endsWith(".class")).sorted().toList()) {
        var name = file.substring(0, file.length() - ".class".length()).replace('/', '.');
        if (!name.contains(".") || !module.isExported(name.substring(0, name.lastIndexOf('.')))) continue;
        var type = Class.forName(name, false, module.getClassLoader());
        if (isPublic(type) && !EXCEPTIONS.isAssignableFrom(type)) types.add(type);
      }
    }
    return types;
  }

  private static boolean isPublic(@Nullable Class<?> type) {
    return type == null || Modifier.isPublic(type.getModifiers()) && !type.isAnonymousClass() && isPublic(type.getEnclosingClass());
  }

  /// The `@Nullable` parameters of a method, which are only in the class file; of a record, those of its components.
  private static Set<Integer> nullable(Executable call) throws IOException {
    var type = call.getDeclaringClass();
    try (var in = type.getResourceAsStream(type.getName().substring(type.getPackageName().length() + 1) + ".class")) {
      var nullable = new HashSet<Integer>();
      var model = ClassFile.of().parse(in.readAllBytes());
      for (var method : model.methods())
        if (isSame(method, call))
          for (var annotation : nullables(method))
            if (annotation.targetInfo() instanceof TypeAnnotation.FormalParameterTarget target)
              nullable.add(target.formalParameterIndex());
      for (var field : model.fields())
        if (type.isRecord() && call instanceof Constructor && !nullables(field).isEmpty())
          for (int i = 0; i < call.getParameterCount(); i++)
            if (field.fieldName().equalsString(call.getParameters()[i].getName())) nullable.add(i);
      return nullable;
    }
  }

  private static List<TypeAnnotation> nullables(AttributedElement element) {
    return element.findAttribute(Attributes.runtimeInvisibleTypeAnnotations()).stream().flatMap(all -> all.annotations().stream())
        .filter(annotation -> annotation.annotation().className().equalsString(NULLABLE) && annotation.targetPath().isEmpty())
        .toList();
  }

  private static boolean isSame(MethodModel method, Executable call) {
    return method.methodName().equalsString(call instanceof Constructor ? "<init>" : call.getName())
        && method.methodTypeSymbol().parameterList().stream().map(type -> type.descriptorString()).toList()
        .equals(Arrays.stream(call.getParameterTypes()).map(Class::descriptorString).toList());
  }

  /// Methods whose arguments others check, and inner loops.
  private static boolean isExempt(Executable call) {
    var type = call.getDeclaringClass();
    return type.getPackage() == Linear.class.getPackage() && Set.of("forward", "attend", "cut", "join").contains(call.getName())
        || WeightFormat.class.isAssignableFrom(type) && Set.of("encode", "decode").contains(call.getName())
        // Whatever the caller's function has made.
        || type == Weights.Bound.class;
  }

  private static boolean isOurs(Method method) {
    boolean isOfEnum = method.getDeclaringClass().isEnum() && method.getName().equals("valueOf");
    return Modifier.isPublic(method.getModifiers()) && !method.isSynthetic() && !isOfEnum && !method.getName().equals("equals");
  }

  /// What a call answers to a null; null if it refuses it by the parameter's name.
  private @Nullable String answer(Executable call, int i) throws ReflectiveOperationException {
    var arguments = arguments(call);
    arguments[i] = null;
    var name = call.getParameters()[i].getName();
    var where = call.getDeclaringClass().getName() + "." + call.getName() + Arrays.toString(call.getParameterTypes()) + ": " + name;
    try {
      if (call instanceof Method method) {
        boolean isStatic = Modifier.isStatic(method.getModifiers());
        method.invoke(isStatic ? null : sample(method.getDeclaringClass()), arguments);
      } else {
        ((Constructor<?>) call).newInstance(arguments);
      }
      return where + " is accepted";
    } catch (InvocationTargetException e) {
      var refusal = e.getCause();
      var message = String.valueOf(refusal.getMessage());
      boolean isNamed = message.equals(name) || message.endsWith(" because \"" + name + "\" is null");
      return refusal instanceof NullPointerException && isNamed ? null : where + " gives " + refusal;
    }
  }

  @Test
  void nullsAreRefusedByName(@TempDir Path folder) throws Exception {
    makeSamples(folder);
    var wrong = new ArrayList<String>();
    int refused = 0;
    for (var module : List.of(Kernels.class.getModule(), Tensor.class.getModule()))
      for (var type : types(module)) {
        var calls = new ArrayList<Executable>(Arrays.stream(type.getDeclaredMethods()).filter(NullsTest::isOurs).toList());
        // Only kernels that are opened by their provider have checks.
        if (type.isInterface() && type != Kernels.class)
          calls.removeIf(call -> !Modifier.isStatic(call.getModifiers()));
        if (!Modifier.isAbstract(type.getModifiers())) calls.addAll(List.of(type.getConstructors()));
        calls.removeIf(NullsTest::isExempt);
        for (var call : calls) {
          var nullable = nullable(call);
          for (int i = 0; i < call.getParameterCount(); i++) {
            if (call.getParameterTypes()[i].isPrimitive() || nullable.contains(i)) continue;
            var answer = answer(call, i);
            if (answer != null) wrong.add(answer);
            else refused++;
          }
        }
      }
    assertThat(wrong).isEmpty();
    assertThat(refused).isGreaterThan(300);
  }
}
