import CKernels
import FlamebackKernels
import Testing

@Suite struct ConvolutionTests {
  struct Shape: Sendable {
    var batch = 2, inChannels = 4, outChannels = 6, groups = 2
    var input = [5, 7, 6], kernel = [2, 3, 1], stride = [1, 2, 3], dilation = [2, 1, 1], before = [1, 2, 0]
    var after = [0, 1, 0]
    var output: [Int] {
      (0..<3).map { (input[$0] + before[$0] + after[$0] - dilation[$0] * (kernel[$0] - 1) - 1) / stride[$0] + 1 }
    }
    var inPlane: Int { input.reduce(1, *) }
    var outPlane: Int { output.reduce(1, *) }
    var taps: Int { kernel.reduce(1, *) }
    var weightCount: Int { outChannels * inChannels / groups * taps }

    func described(_ dtype: Int) -> fb_conv {
      func triple(_ a: [Int]) -> (Int64, Int64, Int64) { (Int64(a[0]), Int64(a[1]), Int64(a[2])) }
      return fb_conv(
        dtype: fb_dtype(dtype), batch: Int64(batch), in_channels: Int64(inChannels), out_channels: Int64(outChannels),
        groups: Int64(groups), input: triple(input), output: triple(output), kernel: triple(kernel),
        stride: triple(stride), dilation: triple(dilation), pad_begin: triple(before), pad_end: triple(after),
        rectifies: false)
    }

    /// Calls `body` with the places in y, x and weight of every product of the convolution.
    func forEachProduct(_ body: (Int, Int, Int) -> Void) {
      let (o, k, inGroup, outGroup) = (output, kernel, inChannels / groups, outChannels / groups)
      for n in 0..<batch {
        for c in 0..<outChannels {
          for p in 0..<outPlane {
            let at = [p / (o[1] * o[2]), p / o[2] % o[1], p % o[2]]
            for i in 0..<inGroup {
              for t in 0..<taps {
                let tap = [t / (k[1] * k[2]), t / k[2] % k[1], t % k[2]]
                let source = (0..<3).map { at[$0] * stride[$0] + tap[$0] * dilation[$0] - before[$0] }
                guard (0..<3).allSatisfy({ source[$0] >= 0 && source[$0] < input[$0] }) else { continue }
                let plane = n * inChannels + c / outGroup * inGroup + i
                body(
                  (n * outChannels + c) * outPlane + p,
                  plane * inPlane + (source[0] * input[1] + source[1]) * input[2] + source[2],
                  (c * inGroup + i) * taps + t)
              }
            }
          }
        }
      }
    }
  }

  static let shapes = [
    Shape(),
    Shape(
      batch: 3, inChannels: 8, outChannels: 8, groups: 1, input: [1, 12, 12], kernel: [1, 3, 3], stride: [1, 1, 1],
      dilation: [1, 1, 1], before: [0, 1, 1], after: [0, 1, 1]),
    Shape(
      batch: 1, inChannels: 3, outChannels: 4, groups: 1, input: [1, 1, 9], kernel: [1, 1, 4], stride: [1, 1, 2],
      dilation: [1, 1, 2], before: [0, 0, 3], after: [0, 0, 0]),
    Shape(
      batch: 2, inChannels: 6, outChannels: 6, groups: 6, input: [1, 16, 16], kernel: [1, 3, 3], stride: [1, 2, 2],
      dilation: [1, 1, 1], before: [0, 1, 1], after: [0, 1, 1]),
    Shape(
      batch: 0, inChannels: 2, outChannels: 2, groups: 1, input: [1, 4, 4], kernel: [1, 3, 3], stride: [1, 1, 1],
      dilation: [1, 1, 1], before: [0, 0, 0], after: [0, 0, 0]),
    // One channel a group, by planes: kernels of every width, strides, holes, several outputs for an input.
    Shape(
      batch: 2, inChannels: 5, outChannels: 5, groups: 5, input: [1, 11, 37], kernel: [1, 5, 5], stride: [1, 1, 1],
      dilation: [1, 1, 1], before: [0, 2, 2], after: [0, 2, 2]),
    Shape(
      batch: 2, inChannels: 3, outChannels: 6, groups: 3, input: [1, 23, 19], kernel: [1, 7, 4], stride: [1, 2, 2],
      dilation: [1, 1, 2], before: [0, 3, 1], after: [0, 2, 4]),
    Shape(
      batch: 3, inChannels: 4, outChannels: 4, groups: 4, input: [1, 6, 14], kernel: [1, 2, 7], stride: [1, 1, 1],
      dilation: [1, 2, 1], before: [0, 1, 3], after: [0, 1, 3]),
    // Few channels, as lines.
    Shape(
      batch: 3, inChannels: 3, outChannels: 6, groups: 1, input: [1, 20, 21], kernel: [1, 5, 5], stride: [1, 1, 1],
      dilation: [1, 1, 1], before: [0, 0, 0], after: [0, 0, 0]),
    Shape(
      batch: 2, inChannels: 2, outChannels: 7, groups: 1, input: [1, 9, 23], kernel: [1, 3, 4], stride: [1, 1, 1],
      dilation: [1, 2, 1], before: [0, 1, 2], after: [0, 2, 1]),
    // Groups of some channels: few as lines, more by oneDNN or as products.
    Shape(
      batch: 3, inChannels: 8, outChannels: 12, groups: 4, input: [1, 20, 21], kernel: [1, 3, 3], stride: [1, 1, 1],
      dilation: [1, 1, 1], before: [0, 1, 1], after: [0, 1, 0]),
    Shape(
      batch: 2, inChannels: 3, outChannels: 21, groups: 3, input: [1, 9, 23], kernel: [1, 3, 4], stride: [1, 1, 1],
      dilation: [1, 2, 1], before: [0, 1, 2], after: [0, 2, 1]),
    Shape(
      batch: 4, inChannels: 48, outChannels: 96, groups: 3, input: [1, 17, 17], kernel: [1, 3, 3], stride: [1, 2, 2],
      dilation: [1, 1, 1], before: [0, 1, 1], after: [0, 1, 1]),
    Shape(
      batch: 1, inChannels: 64, outChannels: 64, groups: 4, input: [1, 15, 15], kernel: [1, 5, 5], stride: [1, 1, 1],
      dilation: [1, 1, 1], before: [0, 2, 2], after: [0, 2, 2]),
    Shape(
      batch: 2, inChannels: 64, outChannels: 48, groups: 2, input: [1, 9, 9], kernel: [1, 1, 1], stride: [1, 1, 1],
      dilation: [1, 1, 1], before: [0, 0, 0], after: [0, 0, 0]),
  ]

  @Test(arguments: shapes) func everyPassFollowsTheDefinition(_ s: Shape) {
    var numbers = Numbers(seed: 7)
    let x = numbers.doubles(s.batch * s.inChannels * s.inPlane), w = numbers.doubles(s.weightCount)
    let dy = numbers.doubles(s.batch * s.outChannels * s.outPlane), bias = numbers.doubles(s.outChannels)
    let inBias = numbers.doubles(s.inChannels)
    var y = (0..<dy.count).map { bias[$0 / s.outPlane % s.outChannels] }
    var dx = (0..<x.count).map { inBias[$0 / s.inPlane % s.inChannels] }
    var dw = [Double](repeating: 0, count: w.count)
    s.forEachProduct { o, i, t in
      y[o] += x[i] * w[t]
      dx[i] += dy[o] * w[t]
      dw[t] += dy[o] * x[i]
    }
    check(s, code(.float64), x, w, bias, inBias, dy, expected: (y, dx, dw), tolerance: 1e-10)
    func floats(_ a: [Double]) -> [Float] { a.map(Float.init) }
    check(
      s, code(.float32), floats(x), floats(w), floats(bias), floats(inBias), floats(dy), expected: (y, dx, dw),
      tolerance: 1e-4)
  }

  func check<T: BinaryFloatingPoint & BitwiseCopyable>(
    _ s: Shape, _ dtype: Int, _ x: [T], _ w: [T], _ bias: [T], _ inBias: [T], _ dy: [T],
    expected: (y: [Double], dx: [Double], dw: [Double]), tolerance: Double
  ) {
    var conv = s.described(dtype)
    var y = [T](repeating: 9, count: dy.count), dx = [T](repeating: 9, count: x.count)
    var dw = [T](repeating: 9, count: w.count)
    fb_conv_forward(&conv, x, w, bias, &y)
    fb_conv_backward_input(&conv, dy, w, inBias, &dx)
    fb_conv_backward_weight(&conv, x, dy, &dw)
    #expect(isClose(y.map { Double($0) }, expected.y, tolerance: tolerance))
    #expect(isClose(dx.map { Double($0) }, expected.dx, tolerance: tolerance))
    #expect(isClose(dw.map { Double($0) }, expected.dw, tolerance: tolerance))
  }
}
