package dev.fovea.cli;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.models.LoadedModel;
import dev.fovea.models.OpenModel;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// A method at work in a pass, and the line that it is at.
///
/// @param type full name of the method's class
/// @param method name and types of the method, as the virtual machine knows it
/// @param name name of the method; of a lambda, that of the method around it
/// @param file name of the source file
/// @param position of the call in the method: higher further down, lower again where a loop or another call starts
record SourceFrame(String type, String method, String name, String file, int line, int position) {
  private static final String ENGINE = "dev.fovea.engine.", MODELS = "dev.fovea.models.";
  /// What stands between a model's methods, and around them.
  private static final List<String> NO_SOURCE = List.of("java.", "jdk.", "com.google.", Tensor.class.getPackageName() + ".",
      OpenModel.class.getName(), LoadedModel.class.getName());
  private static final Pattern LAMBDA = Pattern.compile("lambda\\$(.+)\\$\\d+");
  private static final String RUN = "run";
  private static final StackWalker WALKER = StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE);

  private static SourceFrame of(StackWalker.StackFrame frame) {
    var method = frame.getMethodName();
    var lambda = LAMBDA.matcher(method);
    return new SourceFrame(frame.getClassName(), method + frame.getDescriptor(), lambda.matches() ? lambda.group(1) : method,
        String.valueOf(frame.getFileName()), frame.getLineNumber(), frame.getByteCodeIndex());
  }

  /// The methods of models and layers that the running operation is a part of, the outermost first. A pass that was recorded runs
  /// without its model: then it is the method that runs the pass. Call it in an operation.
  static List<SourceFrame> current() {
    return WALKER.walk(SourceFrame::ofPass);
  }

  private static List<SourceFrame> ofPass(Stream<StackWalker.StackFrame> stack) {
    var inPass = new ArrayList<SourceFrame>();
    SourceFrame runsThePass = null;
    int runs = 0;
    for (var frame : (Iterable<StackWalker.StackFrame>) stack::iterator) {
      var type = frame.getClassName();
      // The first hands the operation to the kernels, the second is the pass.
      if (type.equals(Workspace.class.getName()) && frame.getMethodName().equals(RUN)) runs++;
      if (runs == 2) break;
      if (runs == 1 && NO_SOURCE.stream().noneMatch(type::startsWith)) addOuter(inPass, of(frame));
      if (runs == 0 && runsThePass == null && type.startsWith(MODELS)) runsThePass = of(frame);
    }
    return runs == 0 && runsThePass != null ? List.of(runsThePass) : List.copyOf(inPass);
  }

  /// Adds the method around the others, unless it only hands on to one of the same name.
  private static void addOuter(List<SourceFrame> inPass, SourceFrame frame) {
    if (inPass.isEmpty() || !inPass.getFirst().call().equals(frame.call())) inPass.addFirst(frame);
  }

  /// Of frames, the innermost of a model, rather than of a layer that models share.
  ///
  /// @param frames at least one
  static SourceFrame ofModel(List<SourceFrame> frames) {
    return frames.reversed().stream().filter(frame -> !frame.type.startsWith(ENGINE)).findFirst().orElseGet(frames::getLast);
  }

  /// Class and method, such as `Llama.Block.forward`.
  String call() {
    return type.substring(type.lastIndexOf('.') + 1).replace('$', '.') + "." + name;
  }

  /// File and line, such as `ViT.java:97`.
  String source() {
    return file + ":" + line;
  }

  /// Whether this may be the same run of a method as an earlier frame: it is not further up in it.
  boolean mayContinue(SourceFrame earlier) {
    return type.equals(earlier.type) && method.equals(earlier.method) && position >= earlier.position;
  }
}
