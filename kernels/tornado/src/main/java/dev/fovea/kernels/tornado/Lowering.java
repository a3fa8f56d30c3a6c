package dev.fovea.kernels.tornado;

import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Convolution;
import dev.fovea.kernels.Interpolation;
import dev.fovea.kernels.MapSize;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Operation.Activate;
import dev.fovea.kernels.Operation.Add;
import dev.fovea.kernels.Operation.Append;
import dev.fovea.kernels.Operation.Attention;
import dev.fovea.kernels.Operation.AttentionMaps;
import dev.fovea.kernels.Operation.Convolve;
import dev.fovea.kernels.Operation.Copy;
import dev.fovea.kernels.Operation.DeformableAttention;
import dev.fovea.kernels.Operation.Depthwise;
import dev.fovea.kernels.Operation.Find;
import dev.fovea.kernels.Operation.Fourier;
import dev.fovea.kernels.Operation.Gather;
import dev.fovea.kernels.Operation.LayerNorm;
import dev.fovea.kernels.Operation.Linear;
import dev.fovea.kernels.Operation.Matmul;
import dev.fovea.kernels.Operation.Multiply;
import dev.fovea.kernels.Operation.Resampling;
import dev.fovea.kernels.Operation.Resize;
import dev.fovea.kernels.Operation.ResizeArgmax;
import dev.fovea.kernels.Operation.RmsNorm;
import dev.fovea.kernels.Operation.Rotary;
import dev.fovea.kernels.Operation.RotaryTable;
import dev.fovea.kernels.Operation.SamplingPoints;
import dev.fovea.kernels.Operation.Scale;
import dev.fovea.kernels.Operation.Softmax;
import dev.fovea.kernels.Operation.TopRows;
import dev.fovea.kernels.Operation.TransposedConvolution;
import dev.fovea.kernels.Recording;
import dev.fovea.kernels.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jetbrains.annotations.Nullable;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.WorkerGrid;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Turns operations into steps: finds the buffers, and writes down the ints that each kernel's javadoc lists.
final class Lowering {
  private final Places places;
  private final boolean tuned;
  private final @Nullable CuBlas cublas;

  private Lowering(Places places, boolean tuned, @Nullable CuBlas cublas) {
    this.places = places;
    this.tuned = tuned;
    this.cublas = cublas;
  }

  /// The steps that perform an operation, one after the other; none if it has no results.
  ///
  /// @param tuned whether to choose kernels that are written for the memories of a GPU, where there are such
  /// @param cublas computes large products; null without it
  /// @throws UnsupportedOperationException if a size or stride is too large for the ints of a kernel
  static List<Step> steps(Operation operation, Places places, boolean tuned, @Nullable CuBlas cublas) {
    if (hasNoResults(operation)) return List.of();
    var lowering = new Lowering(places, tuned, cublas);
    return switch (operation) {
      case Linear o -> lowering.isForLibrary(o) ? lowering.library(o) : List.of(lowering.linear(o));
      case Matmul o -> List.of(lowering.matmul(o));
      case Attention o -> List.of(lowering.attention(o));
      case AttentionMaps o -> List.of(lowering.attentionMaps(o));
      case Softmax o -> List.of(lowering.softmax(o));
      case LayerNorm o -> List.of(lowering.layerNorm(o));
      case RmsNorm o -> List.of(lowering.rmsNorm(o));
      case Activate o -> List.of(lowering.activate(o));
      case Scale o -> List.of(lowering.scale(o));
      case Add o -> List.of(lowering.add(o));
      case Multiply o -> List.of(lowering.multiply(o));
      case Copy o -> List.of(lowering.copy(o));
      case Append o -> List.of(lowering.append(o));
      case Gather o -> List.of(lowering.gather(o));
      case Find o -> List.of(lowering.find(o));
      case TopRows o -> lowering.topRows(o);
      case SamplingPoints o -> List.of(lowering.samplingPoints(o));
      case DeformableAttention o -> List.of(lowering.deformableAttention(o));
      case Fourier o -> List.of(lowering.fourier(o));
      case RotaryTable o -> List.of(lowering.rotaryTable(o));
      case Rotary o -> List.of(lowering.rotary(o));
      case Convolve o -> List.of(lowering.convolve(o));
      case Depthwise o -> List.of(lowering.depthwise(o));
      case TransposedConvolution o -> List.of(lowering.transposedConvolution(o));
      case Resize o -> List.of(lowering.resize(o));
      case ResizeArgmax o -> List.of(lowering.resizeArgmax(o));
    };
  }

  private static boolean hasNoResults(Operation operation) {
    return OutSize.isEmpty(operation) || operation instanceof Append append && append.from().isEmpty();
  }

  /// The place of an input, which may be missing or empty.
  private Place in(@Nullable MemorySegment buffer, Place out) {
    return buffer == null ? Place.absent(out.array()) : places.of(buffer);
  }

  private Place in(@Nullable Matrices m, Place out) {
    return in(m == null || m.isEmpty() ? null : m.segment(), out);
  }

  private static Ints rowStrides(Ints ints, @Nullable Matrices m) {
    return m == null ? ints.add(0, 0, 0) : ints.rowStrides(m);
  }

  private IntArray ints(Ints ints) {
    return places.ints(ints.all());
  }

  /// A weight of the model has an array of its own, as a library needs.
  private boolean isForLibrary(Linear o) {
    var weight = o.weight();
    return cublas != null && weight.format() != WeightFormat.Q8 && !Recording.holds(weight.segment())
        && CuBlas.isWorth(o.m(), weight.n(), weight.k());
  }

  /// Libraries know arrays, not places in them: the rows are copied before, and the product after, where it is finished.
  private List<Step> library(Linear o) {
    var weight = places.weight(o.weight());
    Place out = places.of(o.out()), from = in(o.x(), out), bias = in(o.bias(), out), residual = in(o.residual(), out);
    int m = o.m(), n = weight.n(), k = weight.k();
    var copy = new Ints((long) m * k).at(from).add(0);
    var finish = new Ints((long) m * n).add(0).at(bias, residual, out).add(n, o.activation().ordinal());
    FloatArray x = places.scratch(copy.iterations()), y = places.scratch(finish.iterations());
    return List.of(Step.of("copyRows", Step.iterations(copy.iterations()), Formulas::move, from.array(), x, ints(copy)),
        cublas.product(x, weight.floats(), y, m, n, k),
        Step.of("finish", Step.iterations(finish.iterations()), Formulas::finish, y, bias.array(), residual.array(), out.array(),
            ints(finish)));
  }

  private Step linear(Linear o) {
    var weight = places.weight(o.weight());
    Place out = places.of(o.out()), x = in(o.x(), out), bias = in(o.bias(), out), residual = in(o.residual(), out);
    if (tuned) return TunedSteps.linear(places, o, x, weight, bias, residual, out);
    var ints = new Ints((long) o.m() * weight.n()).at(x).add(weight.at()).at(bias, residual, out)
        .add(o.m(), weight.n(), weight.k(), o.activation().ordinal());
    var p = ints(ints);
    var grid = Step.iterations(ints.iterations());
    return weight.bytes() == null
        ? Step.of("linear", grid, Formulas::linear, x.array(), weight.floats(), bias.array(), residual.array(), out.array(), p)
        : Step.of("linearQ8", grid, Formulas::linearQ8, x.array(), weight.bytes(), weight.floats(), bias.array(), residual.array(),
            out.array(), p);
  }

  private Step matmul(Matmul o) {
    Matrices a = o.a(), b = o.b(), to = o.to();
    Place out = places.of(to.segment()), left = in(a, out), right = in(b, out);
    if (tuned) return TunedSteps.matmul(places, o, left, right, out);
    var ints = new Ints((long) a.outer() * a.inner() * a.rows() * b.cols()).at(left, right, out)
        .add(a.inner(), a.rows(), b.cols(), a.cols()).strides(a).strides(b).strides(to);
    var p = ints(ints);
    return Step.of("matmul", Step.iterations(ints.iterations()), Formulas::matmul, left.array(), right.array(), out.array(), p,
        o.scale());
  }

  private Step attention(Attention o) {
    Matrices q = o.q(), k = o.k(), v = o.v(), to = o.to();
    Place out = places.of(to.segment()), fromV = in(v, out);
    var strides = new int[] {Ints.of("a stride", to.outerStride()), Ints.of("a stride", to.innerStride()),
        Ints.of("a stride", to.rowStride())};
    var call = attentionCall(q, k, v, fromV, o.mask(), out, strides);
    if (tuned)
      return Step.of("attentionOfTiles", TunedAttention.grid(q.rows(), v.cols(), q.outer() * q.inner()), TunedAttention::attention,
          new KernelContext(), call.q.array(), call.k.array(), fromV.array(), call.keys.array(), call.bias.array(),
          call.gridRows.array(), call.gridCols.array(), call.length.array(), out.array(), call.p, o.scale());
    return Step.of("attention", call.grid(), FormulasAttention::attention, call.q.array(), call.k.array(), fromV.array(),
        call.keys.array(), call.bias.array(), call.gridRows.array(), call.gridCols.array(), call.length.array(), out.array(),
        call.p, o.scale());
  }

  private Step attentionMaps(AttentionMaps o) {
    Matrices q = o.q(), k = o.k();
    var out = places.of(o.out());
    long perHead = (long) q.rows() * k.rows();
    int[] strides = {Ints.of("a stride", q.inner() * perHead), Ints.of("a stride", perHead), k.rows()};
    var call = attentionCall(q, k, null, Place.absent(out.array()), o.mask(), out, strides);
    if (tuned)
      return Step.of("attentionMapsOfGroups", TunedAttention.rows(call.iterations), TunedAttention::attentionMaps,
          new KernelContext(), call.q.array(), call.k.array(), call.keys.array(), call.bias.array(), call.gridRows.array(),
          call.gridCols.array(), call.length.array(), out.array(), call.p, o.scale());
    return Step.of("attentionMaps", call.grid(), FormulasAttention::attentionMaps, call.q.array(), call.k.array(),
        call.keys.array(), call.bias.array(), call.gridRows.array(), call.gridCols.array(), call.length.array(), out.array(),
        call.p, o.scale());
  }

  /// What both kernels of attention share.
  private record AttentionCall(int iterations, Place q, Place k, Place keys, Place bias, Place gridRows, Place gridCols,
      Place length, IntArray p) {
    WorkerGrid grid() {
      return Step.iterations(iterations);
    }
  }

  private AttentionCall attentionCall(Matrices q, Matrices k, @Nullable Matrices v, Place fromV, AttentionMask mask, Place out,
      int[] outStrides) {
    var grid = mask.grid();
    Matrices rows = grid == null ? null : grid.rows(), cols = grid == null ? null : grid.cols();
    Place fromQ = in(q, out), fromK = in(k, out), keys = in(mask.keys(), out), bias = in(mask.bias(), out);
    Place gridRows = in(rows, out), gridCols = in(cols, out), length = in(mask.length(), out);
    var ints = new Ints((long) q.outer() * q.inner() * q.rows())
        .at(fromQ, fromK, fromV, keys, bias, gridRows, gridCols, length, out)
        .add(q.inner(), q.rows(), k.rows(), q.cols(), v == null ? 0 : v.cols(), mask.causal() ? 1 : 0)
        .add(rows == null ? 0 : rows.cols(), cols == null ? 0 : cols.cols()).rowStrides(q).rowStrides(k);
    rowStrides(ints, v).add(outStrides);
    rowStrides(rowStrides(rowStrides(ints, mask.bias()), rows), cols);
    return new AttentionCall(ints.iterations(), fromQ, fromK, keys, bias, gridRows, gridCols, length, ints(ints));
  }

  private Step softmax(Softmax o) {
    Place x = places.of(o.x()), out = places.of(o.out());
    var p = ints(new Ints(o.rows()).at(x, out).add(o.cols()));
    if (tuned)
      return Step.of("softmaxOfGroups", TunedRows.grid(o.rows(), o.cols()), TunedRows::softmax, new KernelContext(), x.array(),
          out.array(), p);
    return Step.of("softmax", Step.iterations(o.rows()), Formulas::softmax, x.array(), out.array(), p);
  }

  private Step layerNorm(LayerNorm o) {
    Place x = places.of(o.x()), out = places.of(o.out()), gamma = places.of(o.gamma()), beta = in(o.beta(), out);
    var p = ints(new Ints(o.rows()).at(x, gamma, beta, out).add(o.cols()));
    if (tuned)
      return Step.of("layerNormOfGroups", TunedRows.grid(o.rows(), o.cols()), TunedRows::layerNorm, new KernelContext(), x.array(),
          gamma.array(), beta.array(), out.array(), p, o.eps());
    return Step.of("layerNorm", Step.iterations(o.rows()), Formulas::layerNorm, x.array(), gamma.array(), beta.array(), out.array(),
        p, o.eps());
  }

  private Step rmsNorm(RmsNorm o) {
    Place x = places.of(o.x()), out = places.of(o.out()), gamma = in(o.gamma(), out);
    var p = ints(new Ints(o.rows()).at(x, gamma, out).add(o.cols()));
    if (tuned)
      return Step.of("rmsNormOfGroups", TunedRows.grid(o.rows(), o.cols()), TunedRows::rmsNorm, new KernelContext(), x.array(),
          gamma.array(), out.array(), p, o.eps());
    return Step.of("rmsNorm", Step.iterations(o.rows()), Formulas::rmsNorm, x.array(), gamma.array(), out.array(), p, o.eps());
  }

  private Step activate(Activate o) {
    Place x = places.of(o.x()), out = places.of(o.out());
    var ints = new Ints(o.n()).at(x, out).add(o.activation().ordinal());
    var p = ints(ints);
    return Step.of("activate", Step.iterations(ints.iterations()), Formulas::activate, x.array(), out.array(), p);
  }

  private Step scale(Scale o) {
    Place x = places.of(o.x()), out = places.of(o.out());
    var ints = new Ints(o.n()).at(x, out);
    var p = ints(ints);
    return Step.of("scale", Step.iterations(ints.iterations()), Formulas::scale, x.array(), out.array(), p, o.factor());
  }

  private Step add(Add o) {
    Place a = places.of(o.a()), b = places.of(o.b()), out = places.of(o.out());
    var ints = new Ints(o.n()).at(a, b, out).add(Ints.of("a period", o.period()));
    var p = ints(ints);
    return Step.of("add", Step.iterations(ints.iterations()), Formulas::add, a.array(), b.array(), out.array(), p);
  }

  private Step multiply(Multiply o) {
    Place a = places.of(o.a()), b = places.of(o.b()), out = places.of(o.out());
    var ints = new Ints(o.n()).at(a, b, out).add(Ints.of("a period", o.period()));
    var p = ints(ints);
    return Step.of("multiply", Step.iterations(ints.iterations()), Formulas::multiply, a.array(), b.array(), out.array(), p);
  }

  private Step copy(Copy o) {
    Matrices f = o.from();
    Place from = places.of(f.segment()), to = places.of(o.to().segment());
    var ints = new Ints((long) f.outer() * f.inner() * f.rows() * f.cols()).at(from, to).add(f.inner(), f.rows(), f.cols())
        .strides(f).strides(o.to());
    var p = ints(ints);
    return Step.of("copy", Step.iterations(ints.iterations()), FormulasRows::copy, from.array(), to.array(), p);
  }

  private Step append(Append o) {
    Matrices f = o.from();
    Place from = places.of(f.segment()), to = places.of(o.to().segment()), length = places.of(o.length());
    var ints = new Ints((long) f.outer() * f.inner() * f.rows() * f.cols()).at(from, length, to)
        .add(f.inner(), f.rows(), f.cols(), o.to().rows()).strides(f).strides(o.to());
    var p = ints(ints);
    return Step.of("append", Step.iterations(ints.iterations()), FormulasRows::append, from.array(), length.array(), to.array(), p);
  }

  private Step gather(Gather o) {
    var table = places.weight(o.table());
    Place out = places.of(o.out()), indices = places.of(o.indices());
    var ints = new Ints((long) o.count() * table.k()).add(table.at()).at(indices, out).add(table.n(), table.k());
    var p = ints(ints);
    var nan = places.floats(Float.NaN);
    var grid = Step.iterations(ints.iterations());
    return table.bytes() == null
        ? Step.of("gather", grid, FormulasRows::gather, table.floats(), indices.array(), nan, out.array(), p)
        : Step.of("gatherQ8", grid, FormulasRows::gatherQ8, table.bytes(), table.floats(), indices.array(), nan, out.array(), p);
  }

  private Step find(Find o) {
    Place out = places.of(o.out()), x = in(o.x(), out);
    var p = ints(new Ints(o.rows()).at(x, out).add(o.cols()));
    if (tuned)
      return Step.of("findOfGroups", TunedRows.grid(o.rows(), o.cols()), TunedRows::find, new KernelContext(), x.array(),
          places.floats(Float.NaN), out.array(), p, o.value());
    return Step.of("find", Step.iterations(o.rows()), FormulasRows::find, x.array(), places.floats(Float.NaN),
        out.array(), p, o.value());
  }

  private List<Step> topRows(TopRows o) {
    Place x = places.of(o.x()), out = places.of(o.out());
    int rows = o.batch() * o.rows();
    var largest = places.scratch(2 * rows);
    var first = ints(new Ints(rows).at(x).add(0, o.cols()));
    var second = ints(new Ints(rows).add(0).at(out).add(o.rows(), o.count()));
    var largestOfRows = tuned
        ? Step.of("largestOfGroups", TunedRows.grid(rows, o.cols()), TunedRows::largest, new KernelContext(), x.array(), largest,
            first)
        : Step.of("largest", Step.iterations(rows), FormulasRows::largest, x.array(), largest, first);
    return List.of(largestOfRows,
        Step.of("topRows", Step.iterations(rows), FormulasRows::topRows, largest, out.array(), second));
  }

  private Step samplingPoints(SamplingPoints o) {
    Place reference = places.of(o.reference()), offsets = places.of(o.offsets()), out = places.of(o.out());
    int levels = o.levels().size();
    var ints = new Ints((long) o.batch() * o.queries() * o.heads() * levels * o.points() * 2).at(reference, offsets, out)
        .add(o.heads(), levels, o.points(), o.coordinates()).sizes(o.levels());
    var p = ints(ints);
    return Step.of("samplingPoints", Step.iterations(ints.iterations()), FormulasMaps::samplingPoints, reference.array(),
        offsets.array(), out.array(), p);
  }

  private Step deformableAttention(DeformableAttention o) {
    Place out = places.of(o.out()), values = in(o.values(), out), points = in(o.points(), out), weights = in(o.weights(), out);
    var ints = new Ints((long) o.batch() * o.queries() * o.heads() * o.depth()).at(values, points, weights, out)
        .add(o.queries(), o.heads(), o.depth(), o.pointsPerLevel(), Ints.of("cells", MapSize.cells(o.levels())), o.levels().size())
        .sizes(o.levels());
    var p = ints(ints);
    if (tuned)
      return Step.of("deformableAttentionOfGroups", TunedMaps.heads(o.batch() * o.queries() * o.heads(), o.depth()),
          TunedMaps::deformableAttention, new KernelContext(), values.array(), points.array(), weights.array(), out.array(), p);
    return Step.of("deformableAttention", Step.iterations(ints.iterations()), FormulasMaps::deformableAttention, values.array(),
        points.array(), weights.array(), out.array(), p);
  }

  private Step fourier(Fourier o) {
    Place out = places.of(o.out()), x = in(o.x(), out), basis = in(o.basis(), out);
    var ints = new Ints((long) o.points() * o.frequencies()).at(x, basis, out).add(o.dims(), o.frequencies());
    var p = ints(ints);
    return Step.of("fourier", Step.iterations(ints.iterations()), FormulasRows::fourier, x.array(), basis.array(), out.array(), p,
        o.scale(), o.offset());
  }

  private Step rotaryTable(RotaryTable o) {
    Place frequencies = places.of(o.frequencies()), start = places.of(o.start()), out = places.of(o.out());
    var ints = new Ints((long) o.rows() * o.count()).at(frequencies, start, out).add(o.count());
    var p = ints(ints);
    return Step.of("rotaryTable", Step.iterations(ints.iterations()), FormulasRows::rotaryTable, frequencies.array(), start.array(),
        out.array(), p);
  }

  private Step rotary(Rotary o) {
    Matrices m = o.x();
    Place x = places.of(m.segment()), table = places.of(o.table()), out = places.of(o.to().segment());
    int half = m.cols() / 2;
    var ints = new Ints((long) m.outer() * m.inner() * m.rows() * half).at(x, table, out).add(m.inner(), m.rows(), half)
        .rowStrides(m).rowStrides(o.to());
    var p = ints(ints);
    return Step.of("rotary", Step.iterations(ints.iterations()), FormulasRows::rotary, x.array(), table.array(), out.array(), p);
  }

  private Step convolve(Convolve o) {
    var g = o.geometry();
    var window = g.window();
    var weight = places.weight(o.weight());
    Place out = places.of(o.out()), x = in(o.x(), out), bias = in(o.bias(), out), residual = in(o.residual(), out);
    var ints = new Ints((long) g.windows() * weight.n()).at(x).add(weight.at()).at(bias, residual, out)
        .add(g.rows(), g.cols(), weight.n(), weight.k(), g.depth(), weight.n() / Math.max(1, g.groups()), g.height(), g.width())
        .add(window.height(), window.width(), window.strideY(), window.strideX(), window.padY(), window.padX())
        .add(o.activation().ordinal()).add(mapStrides(g)).add(g.column(1, 0, 0), g.column(0, 1, 0), g.column(0, 0, 1));
    int outputs = weight.n() / Math.max(1, g.groups());
    if (tuned && outputs >= TunedProduct.LEAST_COLS)
      return Step.of("convolveOfTiles", TunedProduct.tiles(g.windows(), outputs, g.groups()), TunedProduct::windows,
          new KernelContext(), x.array(), weight.floats(), TunedSteps.bytes(weight), bias.array(), residual.array(), out.array(),
          ints(ints.add(TunedSteps.isNarrow(weight))));
    var p = ints(ints);
    var grid = Step.iterations(ints.iterations());
    return weight.bytes() == null
        ? Step.of("convolve", grid, FormulasMaps::convolve, x.array(), weight.floats(), bias.array(), residual.array(), out.array(),
            p)
        : Step.of("convolveQ8", grid, FormulasMaps::convolveQ8, x.array(), weight.bytes(), weight.floats(), bias.array(),
            residual.array(), out.array(), p);
  }

  /// The strides of an item, a row, a sample and a channel.
  private static int[] mapStrides(Convolution g) {
    return new int[] {Ints.of("a stride", g.index(1, 0, 0, 0)), Ints.of("a stride", g.index(0, 1, 0, 0)),
        Ints.of("a stride", g.index(0, 0, 1, 0)), Ints.of("a stride", g.index(0, 0, 0, 1))};
  }

  private Step depthwise(Depthwise o) {
    var g = o.geometry();
    var window = g.window();
    Place x = places.of(o.x()), taps = places.of(o.taps()), out = places.of(o.out()), bias = in(o.bias(), out);
    var ints = new Ints((long) g.windows() * g.channels()).at(x, taps, bias, out)
        .add(g.rows(), g.cols(), g.channels(), g.height(), g.width(), window.height(), window.width())
        .add(window.strideY(), window.strideX(), window.padY(), window.padX(), o.activation().ordinal());
    if (tuned) {
      int channels = TunedMaps.channelsOfGroup(g.channels()), runs = TunedMaps.runs(g.batch() * g.rows(), g.cols());
      return Step.of("depthwiseOfRuns", TunedMaps.runs(runs, g.channels(), channels), TunedMaps::depthwise, new KernelContext(),
          x.array(), taps.array(), bias.array(), out.array(), ints(ints.add(channels, runs)));
    }
    var p = ints(ints);
    return Step.of("depthwise", Step.iterations(ints.iterations()), FormulasMaps::depthwise, x.array(), taps.array(), bias.array(),
        out.array(), p);
  }

  private Step transposedConvolution(TransposedConvolution o) {
    var weight = places.weight(o.weight());
    Place out = places.of(o.out()), x = in(o.x(), out), bias = in(o.bias(), out);
    if (tuned) return TunedSteps.transposedConvolution(places, o, x, weight, bias, out);
    int rows = Ints.of("rows", (long) o.batch() * o.height());
    var ints = new Ints((long) rows * o.width() * weight.n()).at(x).add(weight.at()).at(bias, out)
        .add(o.width(), o.kernel(), o.channels(), weight.k(), o.activation().ordinal(), rows);
    var p = ints(ints);
    var grid = Step.iterations(ints.iterations());
    return weight.bytes() == null
        ? Step.of("transposedConvolution", grid, FormulasMaps::transposedConvolution, x.array(), weight.floats(), bias.array(),
            out.array(), p)
        : Step.of("transposedConvolutionQ8", grid, FormulasMaps::transposedConvolutionQ8, x.array(), weight.bytes(),
            weight.floats(), bias.array(), out.array(), p);
  }

  private Step resize(Resize o) {
    Place x = places.of(o.x()), out = places.of(o.out());
    var ints = resamplingInts(o, o.channels(), x, out);
    var p = ints(ints);
    if (tuned)
      return Step.of("resizeOfGroups",
          TunedMaps.rows(Math.multiplyExact(o.outWidth(), o.channels()), o.outHeight(), o.batch()), TunedMaps::resize,
          new KernelContext(), x.array(), coefficients(o), out.array(), p);
    return Step.of("resize", Step.iterations(ints.iterations()), FormulasMaps::resize, x.array(), coefficients(o), out.array(), p);
  }

  private Step resizeArgmax(ResizeArgmax o) {
    Place x = places.of(o.x()), out = places.of(o.out());
    var ints = resamplingInts(o, 1, x, out);
    int share = TunedMaps.share(o.channels());
    if (tuned && TunedMaps.fits(share, ints.all()))
      return Step.of("resizeArgmaxOfGroups", TunedMaps.pixels(share, o.outWidth(), o.outHeight(), o.batch()),
          TunedMaps::resizeArgmax, new KernelContext(), x.array(), coefficients(o), out.array(), ints(ints.add(share)));
    var p = ints(ints);
    return Step.of("resizeArgmax", Step.iterations(ints.iterations()), FormulasMaps::resizeArgmax, x.array(), coefficients(o),
        out.array(), p);
  }

  private static Ints resamplingInts(Resampling o, int perPixel, Place x, Place out) {
    int height = o.height(), width = o.width(), outHeight = o.outHeight(), outWidth = o.outWidth();
    var method = o.interpolation();
    var ints = new Ints((long) o.batch() * outHeight * outWidth * perPixel).at(x, out)
        .add(height, width, o.channels(), outHeight, outWidth, method.taps(height, outHeight), method.taps(width, outWidth));
    for (int row = 0; row < outHeight; row++) ints.add(method.first(row, height, outHeight));
    for (int col = 0; col < outWidth; col++) ints.add(method.first(col, width, outWidth));
    return ints;
  }

  private FloatArray coefficients(Resampling o) {
    int tapsY = o.interpolation().taps(o.height(), o.outHeight()), tapsX = o.interpolation().taps(o.width(), o.outWidth());
    var coefficients = new float[o.outHeight() * tapsY + o.outWidth() * tapsX];
    coefficients(o.interpolation(), o.height(), o.outHeight(), tapsY, coefficients, 0);
    coefficients(o.interpolation(), o.width(), o.outWidth(), tapsX, coefficients, o.outHeight() * tapsY);
    return places.floats(coefficients);
  }

  private static void coefficients(Interpolation method, int in, int out, int taps, float[] to, int at) {
    for (int i = 0; i < out; i++)
      for (int tap = 0; tap < taps; tap++) to[at++] = (float) method.coefficient(tap, i, in, out);
  }
}
