package dev.fovea.nulls;

import java.io.IOException;
import java.lang.classfile.AttributedElement;
import java.lang.classfile.Attributes;
import java.lang.classfile.ClassFile;
import java.lang.classfile.MethodModel;
import java.lang.classfile.TypeAnnotation;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jetbrains.annotations.Nullable;

/// Calls every public method and constructor in the exported packages of a module with a null for each argument, except where the
/// parameter is `@Nullable`. A null is refused if the call throws a [NullPointerException] that names the parameter.
///
/// The tests of several modules read this file where it lies.
public final class NullCalls {
  /// Their messages may be null.
  private static final Class<?> EXCEPTIONS = Throwable.class;
  private static final String NULLABLE = "Lorg/jetbrains/annotations/Nullable;";

  /// Arguments and receivers by type.
  private final Map<Class<?>, Object> samples = new HashMap<>();

  /// What calls answered.
  ///
  /// @param refused number of nulls that were refused by name
  /// @param wrong a line for each other null
  public record Answers(int refused, List<String> wrong) {}

  /// Uses an object as argument and receiver.
  public <T> T sample(Class<T> type, T sample) {
    samples.put(type, sample);
    return sample;
  }

  /// Uses a record and those of its components that are records too, as far as their types have no samples yet.
  public <R extends Record> R sampleWithParts(Class<R> type, R sample) throws ReflectiveOperationException {
    for (var part : type.getRecordComponents()) {
      var value = part.getAccessor().invoke(sample);
      if (value instanceof Record) samples.putIfAbsent(part.getType(), value);
    }
    return sample(type, sample);
  }

  /// The sample of a type, made of samples if there is none.
  public Object sample(Class<?> type) throws ReflectiveOperationException {
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
      made = Proxy.newProxyInstance(NullCalls.class.getClassLoader(), new Class<?>[] {type}, (_, _, _) -> null);
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
  private static List<Class<?>> types(Module module) throws IOException, ClassNotFoundException {
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

  private static boolean isOurs(Method method) {
    boolean isOfEnum = method.getDeclaringClass().isEnum() && method.getName().equals("valueOf");
    return Modifier.isPublic(method.getModifiers()) && !method.isSynthetic() && !isOfEnum && !method.getName().equals("equals");
  }

  /// Calls the methods and constructors of a module.
  ///
  /// @param isExempt those that are not called
  public Answers ask(Module module, Predicate<Executable> isExempt) throws IOException, ReflectiveOperationException {
    int refused = 0;
    var wrong = new ArrayList<String>();
    for (var type : types(module)) {
      var calls = new ArrayList<Executable>(Arrays.stream(type.getDeclaredMethods()).filter(NullCalls::isOurs).toList());
      if (!Modifier.isAbstract(type.getModifiers())) calls.addAll(List.of(type.getConstructors()));
      calls.removeIf(isExempt);
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
    return new Answers(refused, wrong);
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
}
