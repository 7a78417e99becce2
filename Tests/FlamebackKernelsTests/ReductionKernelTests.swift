import CKernels
import FlamebackKernels
import Foundation
import Testing

/// Reductions and scans against plain loops in Double.
@Suite struct ReductionKernelTests {
  /// Shapes around the borders of blocks, of short rows and of column tiles.
  static let shapes: [[Int]] = [
    [1, 1, 1], [3, 5, 1], [260, 64, 1], [4, 65, 1], [1, 33000, 1], [3, 7, 5], [2, 150, 5], [1, 17000, 2], [4, 3, 64],
    [2, 130, 65], [3, 5, 300], [1, 1100, 65], [2, 2, 70],
  ]

  /// The elements of output `k`.
  private func line(_ x: [Double], _ shape: [Int], _ k: Int) -> [Double] {
    let (n, inner) = (shape[1], shape[2])
    return (0..<n).map { x[(k / inner * n + $0) * inner + k % inner] }
  }

  private func reduce(
    _ op: fb_reduction, _ x: KernelBuffer, _ shape: [Int], parameter: Double = 0, into dtype: DType,
    second: DType? = nil
  ) -> (first: [Double], second: [Double]) {
    let (outer, n, inner) = (Int64(shape[0]), Int64(shape[1]), Int64(shape[2]))
    let outputs = shape[0] * shape[2]
    let out = KernelBuffer(dtype, count: outputs)
    let other = second.map { KernelBuffer($0, count: outputs) }
    let (from, to) = (Int32(x.dtype.rawValue), Int32(dtype.rawValue))
    let cut = Int64(outputs / 3)
    for (begin, end) in [(0, cut), (cut, Int64(outputs))] {
      fb_reduce(op, x.data, from, outer, n, inner, parameter, out.data, to, other?.data, begin, end)
    }
    if n > 64 || inner > 1 {  // short rows have one block and a path of their own
      let blocks = Int64(shape[0]) * fb_reduce_blocks(n, inner)
      var partials = [fb_partial](repeating: fb_partial(), count: Int(blocks * inner))
      fb_reduce_partial(op, x.data, from, n, inner, parameter, &partials, blocks / 2, blocks)
      fb_reduce_partial(op, x.data, from, n, inner, parameter, &partials, 0, blocks / 2)
      let combined = KernelBuffer(dtype, count: outputs)
      fb_reduce_combine(op, partials, from, n, inner, parameter, combined.data, to, nil, 0, Int64(outputs))
      #expect(memcmp(combined.data, out.data, outputs * dtype.byteSize) == 0, "blocks change the result of \(op)")
    }
    return (out.values, other?.values ?? [])
  }

  private func compare(_ got: [Double], _ want: [Double], _ tolerance: Double, _ what: String) {
    for (x, y) in zip(got, want) where x != y && !(x.isNaN && y.isNaN) {
      #expect(abs(x - y) <= tolerance * max(1, abs(y)), "\(what)")
    }
  }

  @Test(arguments: shapes, [DType.float32, .float64, .bfloat16]) func floats(_ shape: [Int], _ dtype: DType) {
    var draws = KernelDraws(seed: 11)
    let count = shape.reduce(1, *)
    let x = KernelBuffer(dtype, draws.list(count, scale: 3))
    let values = x.values
    let lines = (0..<shape[0] * shape[2]).map { line(values, shape, $0) }
    let n = Double(shape[1])
    func check(
      _ op: fb_reduction, _ parameter: Double = 0, _ tolerance: Double = 1e-11, _ want: ([Double]) -> Double
    ) {
      let got = reduce(op, x, shape, parameter: parameter, into: .float64).first
      // Floats are summed in float over short stretches, those in double.
      let tolerance = dtype == .float64 ? tolerance : max(tolerance, 1e-5)
      compare(got, lines.map(want), tolerance, "\(op) \(parameter) \(shape) \(dtype)")
    }
    check(FB_REDUCE_SUM) { $0.reduce(0, +) }
    check(FB_REDUCE_MEAN) { $0.reduce(0, +) / n }
    check(FB_REDUCE_NANSUM) { $0.reduce(0, +) }
    check(FB_REDUCE_COUNT_NONZERO) { Double($0.count { $0 != 0 }) }
    check(FB_REDUCE_NORM, 0) { Double($0.count { $0 != 0 }) }
    check(FB_REDUCE_NORM, 1) { $0.reduce(0) { $0 + abs($1) } }
    check(FB_REDUCE_NORM, 2) { sqrt($0.reduce(0) { $0 + $1 * $1 }) }
    check(FB_REDUCE_NORM, 3) { pow($0.reduce(0) { $0 + pow(abs($1), 3) }, 1 / 3.0) }
    check(FB_REDUCE_NORM, .infinity) { $0.map { abs($0) }.max()! }
    check(FB_REDUCE_NORM, -.infinity) { $0.map { abs($0) }.min()! }
    check(FB_REDUCE_LOGSUMEXP) { log($0.reduce(0) { $0 + exp($1) }) }
    for correction in [0.0, 1] where n > correction {
      func variance(_ line: [Double]) -> Double {
        let mean = line.reduce(0, +) / n
        return line.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (n - correction)
      }
      check(FB_REDUCE_VAR, correction) { variance($0) }
      check(FB_REDUCE_STD, correction) { sqrt(variance($0)) }
      let mean = reduce(FB_REDUCE_VAR, x, shape, parameter: correction, into: .float64, second: dtype).second
      compare(mean, lines.map { $0.reduce(0, +) / n }, dtype == .bfloat16 ? 0x1p-8 : 1e-6, "mean")
    }
  }

  @Test(arguments: shapes) func extremesFindTheFirstAndNaN(_ shape: [Int]) {
    var draws = KernelDraws(seed: 3)
    let count = shape.reduce(1, *)
    for hasNaN in [false, true] {
      var values = (0..<count).map { _ in Double(draws.below(2000) - 1000) }
      if hasNaN { for i in values.indices where draws.below(200) == 0 { values[i] = .nan } }
      for dtype in hasNaN ? [DType.float32, .float64] : [.float32, .float64, .int32, .int64] {
        let x = KernelBuffer(dtype, values)
        for (value, index, better) in [
          (FB_REDUCE_MIN, FB_REDUCE_ARGMIN, { (a: Double, b: Double) in a < b }),
          (FB_REDUCE_MAX, FB_REDUCE_ARGMAX, { (a: Double, b: Double) in a > b }),
        ] {
          let want = (0..<shape[0] * shape[2]).map { k -> Int in
            let line = line(values, shape, k)
            return line.indices.dropFirst().reduce(0) { best, i in
              better(line[i], line[best]) || (line[i].isNaN && !line[best].isNaN) ? i : best
            }
          }
          let got = reduce(value, x, shape, into: dtype, second: .int64)
          #expect(got.second == want.map(Double.init), "\(value) \(shape) \(dtype)")
          for (k, at) in want.enumerated() {
            let expected = line(values, shape, k)[at]
            #expect(got.first[k] == expected || (got.first[k].isNaN && expected.isNaN))
          }
          #expect(reduce(index, x, shape, into: .int64).first == want.map(Double.init))
        }
      }
    }
  }

  @Test(arguments: shapes) func integersAndTruth(_ shape: [Int]) {
    var draws = KernelDraws(seed: 4)
    let values = (0..<shape.reduce(1, *)).map { _ in Double(draws.below(3)) - (draws.below(8) == 0 ? 1 : 0) }
    let x = KernelBuffer(.int8, values)
    let lines = (0..<shape[0] * shape[2]).map { line(values, shape, $0) }
    #expect(reduce(FB_REDUCE_SUM, x, shape, into: .int64).first == lines.map { $0.reduce(0, +) })
    #expect(reduce(FB_REDUCE_ANY, x, shape, into: .bool).first == lines.map { $0.contains { $0 != 0 } ? 1 : 0 })
    #expect(reduce(FB_REDUCE_ALL, x, shape, into: .bool).first == lines.map { $0.contains(0) ? 0 : 1 })
    let wrapped = lines.map { Double($0.reduce(Int64(1)) { $0 &* Int64($1) }) }
    #expect(reduce(FB_REDUCE_PROD, x, shape, into: .int64).first == wrapped)
  }

  @Test func nothingToReduce() {
    let x = KernelBuffer(.float32, count: 0)
    func empty(_ op: fb_reduction) -> Double { reduce(op, x, [2, 0, 3], parameter: 1, into: .float32).first[5] }
    #expect(empty(FB_REDUCE_SUM) == 0 && empty(FB_REDUCE_PROD) == 1 && empty(FB_REDUCE_MEAN).isNaN)
    #expect(empty(FB_REDUCE_VAR).isNaN && empty(FB_REDUCE_LOGSUMEXP) == -.infinity && empty(FB_REDUCE_NORM) == 0)
    #expect(empty(FB_REDUCE_ANY) == 0 && empty(FB_REDUCE_ALL) == 1)
  }

  @Test func infinities() {
    let inf = Double.infinity
    let x = KernelBuffer(.float32, [-inf, -inf, -inf, inf, 1, -inf, 1, .nan, 2, 1000, 1000, -1000])
    let got = reduce(FB_REDUCE_LOGSUMEXP, x, [4, 3, 1], into: .float64).first
    #expect(got[0] == -inf && got[1] == inf && got[2].isNaN && abs(got[3] - 1000 - log(2)) < 1e-9)
    #expect(reduce(FB_REDUCE_NANSUM, x, [4, 3, 1], into: .float64).first[2] == 3)
    #expect(reduce(FB_REDUCE_NORM, x, [4, 3, 1], parameter: inf, into: .float64).first[2].isNaN)
  }

  @Test(arguments: [[1, 1, 1], [3, 7, 1], [2, 1300, 1], [2, 30, 5], [2, 9, 600], [1, 513, 1]])
  func scans(_ shape: [Int]) {
    var draws = KernelDraws(seed: 8)
    let (n, inner) = (shape[1], shape[2])
    let values = draws.list(shape.reduce(1, *), scale: 4)
    for dtype in [DType.float32, .float64, .int16] {
      let x = KernelBuffer(dtype, values)
      for op in [FB_SCAN_SUM, FB_SCAN_PROD, FB_SCAN_MAX, FB_SCAN_MIN, FB_SCAN_LOGSUMEXP] {
        if dtype == .int16 && op == FB_SCAN_LOGSUMEXP { continue }
        let outType: DType = dtype == .int16 ? .int64 : .float64
        let out = KernelBuffer(outType, count: x.count)
        var indices = [Int64](repeating: -1, count: x.count)
        let lines = Int64(shape[0] * inner)
        for (begin, end) in [(0, lines / 2), (lines / 2, lines)] {
          fb_scan(
            op, x.data, Int32(dtype.rawValue), out.data, Int32(outType.rawValue), &indices, Int64(shape[0]), Int64(n),
            Int64(inner), begin, end)
        }
        let input = x.values
        var wrong = 0
        for k in 0..<Int(lines) {
          let line = line(input, shape, k)
          let got = (0..<n).map { out[(k / inner * n + $0) * inner + k % inner] }
          var (sum, product, exponentials) = (0.0, 1.0, 0.0)
          var best = 0
          for i in 0..<n {
            sum += line[i]
            product = dtype == .int16 ? Double(Int64(product) &* Int64(line[i])) : product * line[i]
            exponentials += exp(line[i])
            if op == FB_SCAN_MAX ? line[i] >= line[best] : line[i] <= line[best] { best = i }
            let right =
              switch op {
              case FB_SCAN_SUM: abs(got[i] - sum) < 1e-9
              case FB_SCAN_PROD: got[i] == product || abs(got[i] - product) < 1e-12 * abs(product)
              case FB_SCAN_LOGSUMEXP: abs(got[i] - log(exponentials)) < 1e-11
              default: got[i] == line[best] && indices[(k / inner * n + i) * inner + k % inner] == Int64(best)
              }
            if !right { wrong += 1 }
          }
        }
        #expect(wrong == 0, "\(op) \(shape) \(dtype)")
      }
    }
  }

  @Test func scansOfInfinitiesAndNaN() {
    let inf = Double.infinity
    func scan(_ op: fb_scan_op, _ values: [Double]) -> [Double] {
      let (x, out) = (KernelBuffer(.float32, values), KernelBuffer(.float32, count: values.count))
      var indices = [Int64](repeating: 0, count: values.count)
      fb_scan(op, x.data, 8, out.data, 8, &indices, 1, Int64(values.count), 1, 0, 1)
      return out.values
    }
    #expect(scan(FB_SCAN_LOGSUMEXP, [-inf, -inf, 0, -1000, inf, -800]) == [-inf, -inf, 0, 0, inf, inf])
    let max = scan(FB_SCAN_MAX, [1, .nan, 5])
    #expect(max[0] == 1 && max[1].isNaN && max[2].isNaN)
  }
}
