package dev.fovea.kernels.tornado;

import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation.Linear;
import dev.fovea.kernels.Operation.Matmul;
import dev.fovea.kernels.Operation.TransposedConvolution;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// The calls of [TunedProduct], which serves several operations.
final class TunedSteps {
  /// Rows for which a tile would be mostly empty.
  private static final int FEW_ROWS = 8;
  /// What a kernel gets instead of a weight's bytes.
  private static final ByteArray NO_BYTES = new ByteArray(1);

  private TunedSteps() {}

  /// Where the factors, what is added and the result of a product are.
  private record Call(Place first, DeviceWeight second, Place bias, Place residual, Place out, int activation, float scale) {}

  static Step linear(Places places, Linear o, Place x, DeviceWeight weight, Place bias, Place residual, Place out) {
    var call = new Call(x, weight, bias, residual, out, o.activation().ordinal(), 1);
    int m = o.m(), n = weight.n(), k = weight.k();
    int[] first = {0, 0, k, 1}, second = {0, 0, 1, rowOf(weight)}, to = {0, 0, 0, n, 1};
    var p = ints(places, call, m, n, k, 1, first, second, m, to);
    return m < FEW_ROWS
        ? Step.of("linearOfFewRows", TunedProduct.shares(m, n), TunedProduct::fewRows, new KernelContext(), x.array(),
            weight.floats(), bytes(weight), bias.array(), residual.array(), out.array(), p, 1f)
        : product("linearOfTiles", call, m, n, 1, p);
  }

  static Step matmul(Places places, Matmul o, Place a, Place b, Place out) {
    var absent = Place.absent(out.array());
    int rows = o.a().rows(), cols = o.b().cols(), depth = o.a().cols();
    var second = new DeviceWeight(cols, depth, b.array(), b.at(), null);
    var call = new Call(a, second, absent, absent, out, Activations.NONE, o.scale());
    int[] to = strides(o.to());
    var p = ints(places, call, rows, cols, depth, o.a().inner(), strides(o.a()), strides(o.b()), rows,
        new int[] {to[0], to[1], 0, to[2], to[3]});
    return product("matmulOfTiles", call, rows, cols, o.a().outer() * o.a().inner(), p);
  }

  /// A product for each place in the window; its rows are the samples of the map.
  static Step transposedConvolution(Places places, TransposedConvolution o, Place x, DeviceWeight weight, Place bias, Place out) {
    var call = new Call(x, weight, bias, Place.absent(out.array()), out, o.activation().ordinal(), 1);
    int kernel = o.kernel(), rows = o.batch() * o.height() * o.width(), n = o.channels(), k = weight.k();
    int line = kernel * o.width() * n;
    int[] first = {0, 0, k, 1}, second = {kernel * n * rowOf(weight), n * rowOf(weight), 1, rowOf(weight)};
    int[] to = {line, n, kernel * line, kernel * n, 1};
    return product("transposedConvolutionOfTiles", call, rows, n, kernel * kernel,
        ints(places, call, rows, n, k, kernel, first, second, o.width(), to));
  }

  private static Step product(String name, Call call, int rows, int cols, int products, IntArray p) {
    return Step.of(name, TunedProduct.tiles(rows, cols, products), TunedProduct::product, new KernelContext(), call.first.array(),
        call.second.floats(), bytes(call.second), call.bias.array(), call.residual.array(), call.out.array(), p, call.scale);
  }

  /// The ints of [TunedProduct#product].
  private static IntArray ints(Places places, Call call, int rows, int cols, int depth, int inner, int[] first, int[] second,
      int line, int[] to) {
    return places.ints(rows, cols, depth, call.first.at(), call.second.at(), call.bias.at(), call.residual.at(), call.out.at(),
        call.activation, isNarrow(call.second), inner, first[0], first[1], first[2], first[3], second[0], second[1], second[2],
        second[3], line, to[0], to[1], to[2], to[3], to[4]);
  }

  private static int[] strides(Matrices m) {
    return new int[] {Ints.of("a stride", m.outerStride()), Ints.of("a stride", m.innerStride()),
        Ints.of("a stride", m.rowStride()), Ints.of("a stride", m.colStride())};
  }

  /// 1 if a weight has 8 bits.
  static int isNarrow(DeviceWeight weight) {
    return weight.bytes() == null ? 0 : 1;
  }

  /// The bytes of a weight of 8 bits, otherwise some that no kernel reads.
  static ByteArray bytes(DeviceWeight weight) {
    var bytes = weight.bytes();
    return bytes == null ? NO_BYTES : bytes;
  }

  /// Numbers of a row of a weight.
  private static int rowOf(DeviceWeight weight) {
    return weight.bytes() == null ? weight.k() : Math.ceilDiv(weight.k(), 32) * 32;
  }
}
