import CKernels
import FlamebackKernels
import Testing

@Suite struct RunningSumTests {
  @Test(arguments: [1, 2, 3, 7, 8, 9, 16, 37, 200], [false, true])
  func linesFollowTheDefinition(length: Int, reversed: Bool) {
    var numbers = Numbers(seed: 3)
    let lines = 3, x = numbers.doubles(lines * length)
    var expected = x
    for line in 0..<lines {
      var sum = 0.0
      for i in reversed ? Array((0..<length).reversed()) : Array(0..<length) {
        sum += x[line * length + i]
        expected[line * length + i] = sum
      }
    }
    #expect(isClose(sums(of: x, code(.float64), lines, reversed), expected, tolerance: 1e-13))
    let floats = sums(of: x.map(Float.init), code(.float32), lines, reversed).map(Double.init)
    #expect(isClose(floats, expected, tolerance: 1e-6))
  }

  @Test func infinitySpreadsToWhatFollowsOnly() {
    var x = [Float](repeating: 1, count: 40)
    x[11] = .infinity
    let forward = sums(of: x, code(.float32), 1, false), backward = sums(of: x, code(.float32), 1, true)
    let upTo: [Float] = (0..<40).map { $0 < 11 ? Float($0 + 1) : .infinity }
    let from: [Float] = (0..<40).map { $0 > 11 ? Float(40 - $0) : .infinity }
    #expect(forward == upTo)
    #expect(backward == from)
  }

  /// Written over the operand, and beside it.
  private func sums<T: Equatable & BitwiseCopyable>(
    of x: [T], _ dtype: Int, _ lines: Int, _ reversed: Bool
  ) -> [T] {
    let type = fb_dtype(dtype), n = Int64(x.count / lines), outer = Int64(lines)
    var here = x, there = x
    here.withUnsafeMutableBytes { bytes in
      let memory = bytes.baseAddress
      (reversed ? fb_scan_reversed : fb_scan)(FB_SCAN_SUM, memory, type, memory, type, nil, outer, n, 1, 0, outer)
    }
    (reversed ? fb_scan_reversed : fb_scan)(FB_SCAN_SUM, x, type, &there, type, nil, outer, n, 1, 0, outer)
    #expect(here == there)
    return there
  }
}
