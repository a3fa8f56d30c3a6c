package dev.fovea.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.WorkerGrid;
import uk.ac.manchester.tornado.api.WorkerGrid3D;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Feature maps for the memories of a GPU, with the parameters and ints of [FormulasMaps].
///
/// Adjacent work items have adjacent channels, so that they read and write adjacent numbers. What does not depend on the channel,
/// such as where a point lies and how much its neighbours count, a group computes once, in local memory. That is filled in each
/// kernel, for only the method that allocates local memory may use it: TornadoVM 5.2 counts wrongly in one that it is passed to.
final class TunedMaps {
  private static final int ITEMS = 256;
  private static final int LEAST_ITEMS = 32;

  /// Channels of a group of [#depthwise]; its other work items have the same channels of further rows, whose windows overlap.
  private static final int MOST_CHANNELS = 64;
  /// Adjacent results that a work item of [#depthwise] computes.
  private static final int COLS = 4;

  /// Rows of the result that a group of [#resize] computes: they depend on much the same lines of the map.
  private static final int ROWS = 4;
  /// Taps of all columns in local memory, and lines of the map with taps there.
  private static final int TAPS = 1024, LINES = 64;
  /// Work items that share a pixel of [#resizeArgmax].
  private static final int LEAST_SHARE = 4, MOST_SHARE = 32;

  private TunedMaps() {}

  private static WorkerGrid groups(int items, int x, int y, int z) {
    var grid = new WorkerGrid3D(Math.multiplyExact(x, items), y, z);
    grid.setLocalWork(items, 1, 1);
    return grid;
  }

  /// The work items of [#deformableAttention] for so many heads of all queries.
  static WorkerGrid heads(int heads, int depth) {
    return groups(ITEMS, Math.ceilDiv(heads, Math.max(1, ITEMS / depth)), Math.ceilDiv(depth, ITEMS), 1);
  }

  /// [FormulasMaps#deformableAttention]: a work item a channel, a group as many heads as it has work items for. A work item
  /// finds the four cells around a point, and what they count with its weight; then each adds those of its head.
  static void deformableAttention(KernelContext context, FloatArray values, FloatArray points, FloatArray weights, FloatArray out,
      IntArray p) {
    int[] cells = context.allocateIntLocalArray(4 * ITEMS);
    float[] shares = context.allocateFloatLocalArray(4 * ITEMS);
    int item = context.localIdx, heads = p.get(6), depth = p.get(7), perLevel = p.get(8), samples = p.get(10) * perLevel;
    int headsHere = Math.max(1, ITEMS / depth), firstHead = context.groupIdx * headsHere, lastHead = p.get(0) / depth;
    int mine = item / depth, d = context.groupIdy * ITEMS + item % depth;
    int isMine = mine < headsHere && firstHead + mine < lastHead && d < depth ? 1 : 0;
    // Points of a head in local memory at a time.
    int part = Math.max(1, Math.min(ITEMS / headsHere, samples));
    float sum = 0;
    for (int start = 0; start < samples; start += part) {
      int head = firstHead + item / part, sample = start + item % part;
      if (item / part < headsHere && head < lastHead && sample < samples) {
        int query = head / heads, level = sample / perLevel, map = query / p.get(5) * p.get(9);
        for (int i = 0; i < level; i++) map += p.get(11 + 2 * i) * p.get(12 + 2 * i);
        int height = p.get(11 + 2 * level), width = p.get(12 + 2 * level), point = head * samples + sample;
        // The head's place at the map's first cell; what the division leaves costs less than another one.
        int first = map * heads + head - query * heads;
        float x = points.get(p.get(2) + 2 * point) * width - 0.5f, y = points.get(p.get(2) + 2 * point + 1) * height - 0.5f;
        float top = TornadoMath.floor(y), left = TornadoMath.floor(x), weight = weights.get(p.get(3) + point);
        for (int corner = 0; corner < 4; corner++) {
          float row = top + corner / 2, col = left + corner % 2;
          int cell = -1;
          if (row >= 0 && row < height && col >= 0 && col < width)
            cell = (first + ((int) row * width + (int) col) * heads) * depth;
          cells[corner * ITEMS + item] = cell;
          shares[corner * ITEMS + item] = weight * (1 - TornadoMath.abs(y - row)) * (1 - TornadoMath.abs(x - col));
        }
        // Zero, but NaN if the weight is not finite or a coordinate is NaN: then any cell will do to add it.
        float poison = weight * 0 + FormulasMaps.unlessInfinite(x) + FormulasMaps.unlessInfinite(y);
        if (poison != 0) {
          cells[item] = first * depth;
          shares[item] = poison;
        }
      }
      context.localBarrier();
      if (isMine == 1) {
        int from = p.get(1) + d, last = mine * part + Math.min(part, samples - start);
        for (int i = mine * part; i < last; i++)
          for (int corner = 0; corner < 4; corner++) {
            int cell = cells[corner * ITEMS + i];
            if (cell > -1) sum += shares[corner * ITEMS + i] * values.get(from + cell);
          }
      }
      context.localBarrier();
    }
    if (isMine == 1) out.set(p.get(4) + (firstHead + mine) * depth + d, sum);
  }

  /// The channels of a group of [#depthwise].
  static int channelsOfGroup(int channels) {
    return Math.ceilDiv(channels, Math.ceilDiv(channels, MOST_CHANNELS));
  }

  /// Runs of adjacent results of a channel in [#depthwise].
  static int runs(int lines, int cols) {
    return Math.multiplyExact(lines, Math.ceilDiv(cols, COLS));
  }

  /// The work items of [#depthwise].
  static WorkerGrid runs(int runs, int channels, int channelsOfGroup) {
    return groups(ITEMS, Math.ceilDiv(runs, ITEMS / channelsOfGroup), Math.ceilDiv(channels, channelsOfGroup), 1);
  }

  /// [FormulasMaps#depthwise]: a work item computes four adjacent results of a channel. The samples for the next tap are those
  /// for the tap before, moved by one, and a new one, if taps are taken in steps of the stride.
  ///
  /// `p`: as for [FormulasMaps#depthwise], then 17 channels of a group · 18 runs of each channel
  static void depthwise(KernelContext context, FloatArray x, FloatArray taps, FloatArray bias, FloatArray out, IntArray p) {
    int item = context.localIdx, channelsHere = p.get(17), runsHere = ITEMS / channelsHere;
    int run = context.groupIdx * runsHere + item / channelsHere;
    int channel = context.groupIdy * channelsHere + item % channelsHere;
    int rows = p.get(5), cols = p.get(6), channels = p.get(7), height = p.get(8), width = p.get(9);
    int windowHeight = p.get(10), windowWidth = p.get(11), strideX = p.get(13);
    if (item / channelsHere < runsHere && run < p.get(18) && channel < channels) {
      // Runs are in the order picture, column, row: the windows of a group's rows overlap.
      int blocks = (cols + COLS - 1) / COLS;
      int row = run % rows, firstCol = run / rows % blocks * COLS, picture = run / rows / blocks;
      int fromX = firstCol * strideX - p.get(15), tap = p.get(2) + channel, residues = Math.min(strideX, windowWidth);
      float sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
      for (int dy = 0; dy < windowHeight; dy++) {
        int y = row * p.get(12) - p.get(14) + dy, end = y >= 0 && y < height ? width : 0;
        int line = p.get(1) + (picture * height + y) * width * channels + channel;
        for (int residue = 0; residue < residues; residue++) {
          int col = fromX + residue;
          float value1 = sample(x, line, channels, col, end);
          float value2 = sample(x, line, channels, col + strideX, end);
          float value3 = sample(x, line, channels, col + 2 * strideX, end);
          for (int dx = residue; dx < windowWidth; dx += strideX) {
            float value0 = value1;
            value1 = value2;
            value2 = value3;
            value3 = sample(x, line, channels, fromX + dx + 3 * strideX, end);
            float weight = taps.get(tap + (dy * windowWidth + dx) * channels);
            sum0 += value0 * weight;
            sum1 += value1 * weight;
            sum2 += value2 * weight;
            sum3 += value3 * weight;
          }
        }
      }
      int to = p.get(4) + ((picture * rows + row) * cols + firstCol) * channels + channel;
      int results = Math.min(COLS, cols - firstCol);
      for (int i = 0; i < results; i++) {
        float sum = i == 0 ? sum0 : i == 1 ? sum1 : i == 2 ? sum2 : sum3;
        if (p.get(3) >= 0) sum += bias.get(p.get(3) + channel);
        out.set(to + i * channels, Activations.apply(p.get(16), sum));
      }
    }
  }

  /// A sample of a line that ends before column `end`, zero outside.
  private static float sample(FloatArray x, int line, int channels, int col, int end) {
    float value = 0;
    if (col >= 0 && col < end) value = x.get(line + col * channels);
    return value;
  }

  /// The work items of [#resize], for `channels · outWidth` numbers of a row.
  static WorkerGrid rows(int numbers, int outHeight, int batch) {
    int items = Math.clamp(Integer.highestOneBit(2 * numbers - 1), LEAST_ITEMS, ITEMS);
    return groups(items, Math.ceilDiv(numbers, items), Math.ceilDiv(outHeight, ROWS), batch);
  }

  /// [FormulasMaps#resize]: a group computes adjacent numbers, whatever their columns and channels, of four rows. Each line of the
  /// map on which these rows depend is resampled once, and adds to those that have a tap for it.
  static void resize(KernelContext context, FloatArray x, FloatArray coefficients, FloatArray out, IntArray p) {
    int[] lefts = context.allocateIntLocalArray(TAPS);
    float[] sharesX = context.allocateFloatLocalArray(TAPS);
    int[] tops = context.allocateIntLocalArray(LINES);
    int[] uses = context.allocateIntLocalArray(LINES);
    float[] sharesY = context.allocateFloatLocalArray(ROWS * LINES);
    int item = context.localIdx, items = context.localGroupSizeX;
    int height = p.get(3), width = p.get(4), channels = p.get(5), outHeight = p.get(6), outWidth = p.get(7);
    int tapsY = p.get(8), tapsX = p.get(9);
    int first = context.groupIdx * items, number = first + item, numbers = outWidth * channels;
    int firstCol = first / channels, lastCol = Math.min(outWidth - 1, (first + items - 1) / channels);
    int cols = lastCol - firstCol + 1, col = Math.min(lastCol, number / channels) - firstCol, from = p.get(1) + number % channels;
    int firstRow = context.groupIdy * ROWS, rows = Math.min(ROWS, outHeight - firstRow);
    int firstLine = p.get(10 + firstRow), lines = p.get(10 + firstRow + rows - 1) + tapsY - firstLine;
    // Taps of a column in local memory at a time.
    int part = Math.max(1, Math.min(TAPS / cols, tapsX));
    float sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
    for (int startX = 0; startX < tapsX; startX += part) {
      int tapsHere = Math.min(part, tapsX - startX);
      for (int startY = 0; startY < lines; startY += LINES) {
        int linesHere = Math.min(LINES, lines - startY);
        context.localBarrier();
        for (int i = item; i < cols * tapsHere; i += items) {
          int tapCol = firstCol + i % cols, tap = startX + i / cols;
          lefts[i] = FormulasMaps.clamped(p.get(10 + outHeight + tapCol) + tap, width) * channels;
          sharesX[i] = coefficients.get(outHeight * tapsY + tapCol * tapsX + tap);
        }
        for (int i = item; i < linesHere; i += items) {
          int line = firstLine + startY + i, used = 0;
          tops[i] = (context.groupIdz * height + FormulasMaps.clamped(line, height)) * width * channels;
          for (int r = 0; r < rows; r++) {
            int tap = line - p.get(10 + firstRow + r);
            if (tap >= 0 && tap < tapsY) {
              used += 1 << r;
              sharesY[r * LINES + i] = coefficients.get((firstRow + r) * tapsY + tap);
            }
          }
          uses[i] = used;
        }
        context.localBarrier();
        for (int i = 0; i < linesHere; i++) {
          int used = uses[i], top = from + tops[i], end = used == 0 ? 0 : tapsHere * cols;
          float line = 0;
          for (int tap = col; tap < end; tap += cols) line += sharesX[tap] * x.get(top + lefts[tap]);
          if ((used & 1) != 0) sum0 += sharesY[i] * line;
          if ((used & 2) != 0) sum1 += sharesY[LINES + i] * line;
          if ((used & 4) != 0) sum2 += sharesY[2 * LINES + i] * line;
          if ((used & 8) != 0) sum3 += sharesY[3 * LINES + i] * line;
        }
      }
    }
    int to = p.get(2) + (context.groupIdz * outHeight + firstRow) * numbers + number;
    if (number < numbers) {
      out.set(to, sum0);
      if (rows > 1) out.set(to + numbers, sum1);
      if (rows > 2) out.set(to + 2 * numbers, sum2);
      if (rows > 3) out.set(to + 3 * numbers, sum3);
    }
  }

  /// Work items that share a pixel of [#resizeArgmax].
  static int share(int channels) {
    return Math.clamp(Integer.highestOneBit(2 * channels - 1), LEAST_SHARE, MOST_SHARE);
  }

  /// Whether the taps of a group of [#resizeArgmax] fit in its local memory.
  ///
  /// @param ints those of [#resizeArgmax]
  static boolean fits(int share, int[] ints) {
    int outHeight = ints[6], tapsY = ints[8], tapsX = ints[9], lines = 0;
    for (int row = 0; row < outHeight; row += ROWS)
      lines = Math.max(lines, ints[10 + Math.min(row + ROWS, outHeight) - 1] + tapsY - ints[10 + row]);
    return lines <= LINES && (long) tapsX * (ITEMS / share) <= TAPS;
  }

  /// The work items of [#resizeArgmax].
  static WorkerGrid pixels(int share, int outWidth, int outHeight, int batch) {
    return groups(ITEMS, Math.ceilDiv(outWidth, ITEMS / share), Math.ceilDiv(outHeight, ROWS), batch);
  }

  /// [FormulasMaps#resizeArgmax]: as for [#resize], but several work items share a pixel of each of four rows, and each finds the
  /// first of its channels that are largest.
  ///
  /// `p`: as for [FormulasMaps#resizeArgmax], then the work items that share a pixel
  static void resizeArgmax(KernelContext context, FloatArray x, FloatArray coefficients, FloatArray out, IntArray p) {
    int[] lefts = context.allocateIntLocalArray(TAPS);
    float[] sharesX = context.allocateFloatLocalArray(TAPS);
    int[] tops = context.allocateIntLocalArray(LINES);
    int[] uses = context.allocateIntLocalArray(LINES);
    float[] sharesY = context.allocateFloatLocalArray(ROWS * LINES);
    float[] largest = context.allocateFloatLocalArray(ROWS * ITEMS);
    int[] best = context.allocateIntLocalArray(ROWS * ITEMS);
    int height = p.get(3), width = p.get(4), channels = p.get(5), outHeight = p.get(6), outWidth = p.get(7);
    int tapsY = p.get(8), tapsX = p.get(9), sharers = p.get(10 + outHeight + outWidth);
    int item = context.localIdx, firstChannel = item % sharers;
    int firstCol = context.groupIdx * (ITEMS / sharers), cols = Math.min(ITEMS / sharers, outWidth - firstCol);
    int col = Math.min(cols - 1, item / sharers);
    int firstRow = context.groupIdy * ROWS, rows = Math.min(ROWS, outHeight - firstRow);
    int firstLine = p.get(10 + firstRow), lines = p.get(10 + firstRow + rows - 1) + tapsY - firstLine;
    for (int i = item; i < cols * tapsX; i += ITEMS) {
      int tapCol = firstCol + i % cols, tap = i / cols;
      lefts[i] = FormulasMaps.clamped(p.get(10 + outHeight + tapCol) + tap, width) * channels;
      sharesX[i] = coefficients.get(outHeight * tapsY + tapCol * tapsX + tap);
    }
    if (item < lines) {
      int line = firstLine + item, used = 0;
      tops[item] = (context.groupIdz * height + FormulasMaps.clamped(line, height)) * width * channels;
      for (int r = 0; r < rows; r++) {
        int tap = line - p.get(10 + firstRow + r);
        if (tap >= 0 && tap < tapsY) {
          used += 1 << r;
          sharesY[r * LINES + item] = coefficients.get((firstRow + r) * tapsY + tap);
        }
      }
      uses[item] = used;
    }
    context.localBarrier();
    float max0 = Float.NEGATIVE_INFINITY, max1 = max0, max2 = max0, max3 = max0;
    int best0 = 0, best1 = 0, best2 = 0, best3 = 0;
    for (int channel = firstChannel; channel < channels; channel += sharers) {
      float sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
      for (int i = 0; i < lines; i++) {
        int used = uses[i], top = p.get(1) + channel + tops[i], end = used == 0 ? 0 : tapsX * cols;
        float line = 0;
        for (int tap = col; tap < end; tap += cols) line += sharesX[tap] * x.get(top + lefts[tap]);
        if ((used & 1) != 0) sum0 += sharesY[i] * line;
        if ((used & 2) != 0) sum1 += sharesY[LINES + i] * line;
        if ((used & 4) != 0) sum2 += sharesY[2 * LINES + i] * line;
        if ((used & 8) != 0) sum3 += sharesY[3 * LINES + i] * line;
      }
      if (sum0 > max0) best0 = channel;
      if (sum0 > max0) max0 = sum0;
      if (sum1 > max1) best1 = channel;
      if (sum1 > max1) max1 = sum1;
      if (sum2 > max2) best2 = channel;
      if (sum2 > max2) max2 = sum2;
      if (sum3 > max3) best3 = channel;
      if (sum3 > max3) max3 = sum3;
    }
    largest[item] = max0;
    largest[ITEMS + item] = max1;
    largest[2 * ITEMS + item] = max2;
    largest[3 * ITEMS + item] = max3;
    best[item] = best0;
    best[ITEMS + item] = best1;
    best[2 * ITEMS + item] = best2;
    best[3 * ITEMS + item] = best3;
    context.localBarrier();
    for (int half = sharers >> 1; half > 0; half = half >> 1) {
      if (firstChannel < half)
        for (int i = item; i < ROWS * ITEMS; i += ITEMS) {
          float value = largest[i + half];
          if (value > largest[i] || (value == largest[i] && best[i + half] < best[i])) {
            largest[i] = value;
            best[i] = best[i + half];
          }
        }
      context.localBarrier();
    }
    if (firstChannel == 0 && item / sharers < cols)
      for (int r = 0; r < rows; r++)
        out.set(p.get(2) + (context.groupIdz * outHeight + firstRow + r) * outWidth + firstCol + col, best[r * ITEMS + item]);
  }
}
