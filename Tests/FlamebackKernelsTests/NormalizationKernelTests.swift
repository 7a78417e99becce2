import CKernels
import FlamebackKernels
import Foundation
import Testing

/// Softmax and the normalisation layers against their formulas in Double; gradients against differences.
@Suite struct NormalizationKernelTests {
  private func close(_ got: [Double], _ want: [Double], _ tolerance: Double, _ what: String) {
    #expect(got.count == want.count)
    for (x, y) in zip(got, want) where !(x.isNaN && y.isNaN) && x != y {
      #expect(abs(x - y) <= tolerance * (1 + abs(y)), "\(what)")
    }
  }

  /// The gradient of the sum of g * f(x) by central differences.
  private func differences(_ x: [Double], _ g: [Double], _ f: ([Double]) -> [Double]) -> [Double] {
    x.indices.map { i in
      let step = 1e-5
      var (up, down) = (x, x)
      up[i] += step
      down[i] -= step
      return zip(zip(f(up), f(down)), g).reduce(0) { $0 + ($1.0.0 - $1.0.1) * $1.1 } / (2 * step)
    }
  }

  private func tolerance(_ dtype: DType) -> Double { dtype == .float64 ? 1e-12 : dtype == .float32 ? 4e-6 : 2e-2 }

  private func softmax(_ x: [Double], _ shape: [Int], log isLog: Bool) -> [Double] {
    var y = x
    let (n, inner) = (shape[1], shape[2])
    for k in 0..<shape[0] * inner {
      let places = (0..<n).map { (k / inner * n + $0) * inner + k % inner }
      let top = places.map { x[$0] }.max()!
      let sum = places.reduce(0) { $0 + exp(x[$1] - top) }
      for p in places { y[p] = isLog ? x[p] - top - log(sum) : exp(x[p] - top) / sum }
    }
    return y
  }

  @Test(
    arguments: [[1, 1, 1], [3, 7, 1], [2, 1300, 1], [5, 33, 1], [2, 30, 5], [2, 9, 600], [1, 100, 17]], [false, true])
  func softmaxOfEveryShape(_ shape: [Int], _ log: Bool) {
    var draws = KernelDraws(seed: 6)
    let (outer, n, inner) = (Int64(shape[0]), Int64(shape[1]), Int64(shape[2]))
    for dtype in [DType.float32, .float64, .float16, .bfloat16] {
      let type = Int32(dtype.rawValue)
      let x = KernelBuffer(dtype, draws.list(shape.reduce(1, *), scale: 6))
      let want = softmax(x.values, shape, log: log)
      let y = KernelBuffer(dtype, count: x.count)
      let lines = outer * inner
      for (begin, end) in [(0, lines / 3), (lines / 3, lines)] {
        fb_softmax(x.data, y.data, type, log, outer, n, inner, begin, end)
      }
      close(y.values, want, tolerance(dtype), "softmax \(shape) \(dtype)")

      let g = KernelBuffer(dtype, draws.list(x.count))
      let dx = KernelBuffer(dtype, count: x.count)
      fb_softmax_backward(y.data, g.data, dx.data, type, log, outer, n, inner, 0, lines)
      if dtype == .float64 && x.count < 100 {
        close(dx.values, differences(x.values, g.values) { softmax($0, shape, log: log) }, 1e-8, "softmax gradient")
      }
      // in place, and the same in halves as in doubles
      let exact = (KernelBuffer(.float64, y.values), KernelBuffer(.float64, g.values))
      fb_softmax_backward(exact.0.data, exact.1.data, exact.1.data, 9, log, outer, n, inner, 0, lines)
      close(dx.values, exact.1.values, 10 * tolerance(dtype), "softmax gradient \(shape) \(dtype)")
    }
  }

  @Test func softmaxOfInfinities() {
    let x = KernelBuffer(.float32, [-.infinity, -.infinity, -.infinity, 0, .infinity, 0, .nan, 1])
    fb_softmax(x.data, x.data, 8, false, 4, 2, 1, 0, 4)
    #expect(x[0].isNaN && x[2] == 0 && x[3] == 1 && x[4].isNaN && x[5].isNaN && x[6].isNaN && x[7].isNaN)
  }

  private func layerNorm(_ x: [Double], _ w: [Double]?, _ b: [Double]?, _ n: Int, rms: Bool) -> [Double] {
    var y = x
    for row in stride(from: 0, to: x.count, by: n) {
      let line = x[row..<row + n]
      let mean = rms ? 0 : line.reduce(0, +) / Double(n)
      let rstd = 1 / sqrt(line.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(n) + 1e-5)
      for i in 0..<n { y[row + i] = (x[row + i] - mean) * rstd * (w?[i] ?? 1) + (b?[i] ?? 0) }
    }
    return y
  }

  @Test(arguments: [(1, 1), (3, 7), (5, 513), (4, 64)], [false, true])
  func layerNormOfEveryShape(_ size: (Int, Int), _ rms: Bool) {
    var draws = KernelDraws(seed: 7)
    let (rows, n) = (Int64(size.0), Int64(size.1))
    for dtype in [DType.float32, .float64, .bfloat16] {
      for affine in [false, true] {
        let type = Int32(dtype.rawValue)
        let statistics: DType = dtype == .float64 ? .float64 : .float32
        let x = KernelBuffer(dtype, draws.list(size.0 * size.1, scale: 3).map { $0 + 1 })
        let w = affine ? KernelBuffer(dtype, draws.list(size.1)) : nil
        let b = affine && !rms ? KernelBuffer(dtype, draws.list(size.1)) : nil
        let y = KernelBuffer(dtype, count: x.count)
        let (mean, rstd) = (KernelBuffer(statistics, count: size.0), KernelBuffer(statistics, count: size.0))
        for (begin, end) in [(0, rows / 2), (rows / 2, rows)] {
          fb_layer_norm(x.data, w?.data, b?.data, y.data, mean.data, rstd.data, type, rms, 1e-5, n, begin, end)
        }
        let want = layerNorm(x.values, w?.values, b?.values, size.1, rms: rms)
        close(y.values, want, tolerance(dtype), "layer norm \(size) \(dtype)")

        let g = KernelBuffer(dtype, draws.list(x.count))
        let (dx, dw, db) = (
          KernelBuffer(dtype, count: x.count), KernelBuffer(dtype, count: size.1), KernelBuffer(dtype, count: size.1)
        )
        var sums = [Double](repeating: .nan, count: 4 * size.1)  // two parts
        for (part, (begin, end)) in [(0, rows / 2), (rows / 2, rows)].enumerated() {
          sums.withUnsafeMutableBufferPointer {
            fb_layer_norm_backward(
              g.data, x.data, w?.data, mean.data, rstd.data, dx.data, $0.baseAddress! + part * 2 * size.1, type, rms, n,
              begin, end)
          }
        }
        fb_norm_parameters(&sums, 2, n, dw.data, db.data, type)
        let normal = layerNorm(x.values, nil, nil, size.1, rms: rms)
        let columns = (0..<size.1).map { i in (0..<size.0).map { $0 * size.1 + i } }
        close(
          dw.values, columns.map { $0.reduce(0) { $0 + g[$1] * normal[$1] } }, 4 * tolerance(dtype), "dweight")
        close(db.values, columns.map { $0.reduce(0) { $0 + g[$1] } }, 4 * tolerance(dtype), "dbias")
        if dtype == .float64 && x.count < 100 {
          let numeric = differences(x.values, g.values) {
            layerNorm($0, w?.values, b?.values, size.1, rms: rms)
          }
          close(dx.values, numeric, 1e-6, "layer norm gradient \(size)")
        }
      }
    }
  }

  private func batchNorm(
    _ x: [Double], _ mean: [Double]?, _ variance: [Double]?, _ w: [Double]?, _ b: [Double]?, _ shape: [Int]
  ) -> [Double] {
    var y = x
    for c in 0..<shape[1] {
      let places = (0..<shape[0]).flatMap { s in (0..<shape[2]).map { (s * shape[1] + c) * shape[2] + $0 } }
      let m = Double(places.count)
      let center = mean?[c] ?? places.reduce(0) { $0 + x[$1] } / m
      let spread = variance?[c] ?? places.reduce(0) { $0 + (x[$1] - center) * (x[$1] - center) } / m
      for p in places { y[p] = (x[p] - center) / sqrt(spread + 1e-5) * (w?[c] ?? 1) + (b?[c] ?? 0) }
    }
    return y
  }

  @Test(arguments: [[4, 3, 1], [1, 2, 5], [7, 600, 1], [3, 5, 700], [2, 2, 4500]], [false, true])
  func batchNormOfEveryShape(_ shape: [Int], _ training: Bool) {
    var draws = KernelDraws(seed: 9)
    let (count, channels, inner) = (Int64(shape[0]), Int64(shape[1]), Int64(shape[2]))
    for dtype in [DType.float32, .float64, .float16] {
      for affine in [false, true] {
        let type = Int32(dtype.rawValue)
        let statistics: DType = dtype == .float64 ? .float64 : .float32
        let x = KernelBuffer(dtype, draws.list(shape.reduce(1, *), scale: 3).map { $0 + 2 })
        let w = affine ? KernelBuffer(dtype, draws.list(shape[1])) : nil
        let b = affine ? KernelBuffer(dtype, draws.list(shape[1])) : nil
        let mean = KernelBuffer(statistics, draws.list(shape[1]))
        let variance = KernelBuffer(statistics, draws.list(shape[1]).map { abs($0) + 0.5 })
        if training {
          fb_batch_norm_statistics(x.data, mean.data, variance.data, type, count, channels, inner, 0, channels / 2)
          fb_batch_norm_statistics(
            x.data, mean.data, variance.data, type, count, channels, inner, channels / 2, channels)
        }
        let constants = training ? (nil, nil) : (mean.values, variance.values)
        func reference(_ x: [Double]) -> [Double] {
          batchNorm(x, constants.0, constants.1, w?.values, b?.values, shape)
        }
        let y = KernelBuffer(dtype, count: x.count)
        fb_batch_norm(
          x.data, mean.data, variance.data, w?.data, b?.data, y.data, type, 1e-5, count, channels, inner, 0, channels)
        close(y.values, reference(x.values), tolerance(dtype), "batch norm \(shape) \(dtype)")

        let g = KernelBuffer(dtype, draws.list(x.count))
        let (dx, dw, db) = (
          KernelBuffer(dtype, count: x.count), KernelBuffer(dtype, count: shape[1]),
          KernelBuffer(dtype, count: shape[1])
        )
        fb_batch_norm_backward(
          g.data, x.data, mean.data, variance.data, w?.data, dx.data, dw.data, db.data, type, training, 1e-5, count,
          channels, inner, 0, channels)
        let normal = batchNorm(x.values, constants.0, constants.1, nil, nil, shape)
        for c in 0..<shape[1] {
          let places = (0..<shape[0]).flatMap { s in (0..<shape[2]).map { (s * shape[1] + c) * shape[2] + $0 } }
          close([dw[c]], [places.reduce(0) { $0 + g[$1] * normal[$1] }], 10 * tolerance(dtype), "dweight \(dtype)")
          close([db[c]], [places.reduce(0) { $0 + g[$1] }], 10 * tolerance(dtype), "dbias \(dtype)")
        }
        if dtype == .float64 && x.count < 100 {
          close(dx.values, differences(x.values, g.values, reference), 1e-6, "batch norm gradient \(shape)")
        }
      }
    }
  }
}
