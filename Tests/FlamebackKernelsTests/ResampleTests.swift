import CKernels
import FlamebackKernels
import Testing

@Suite struct ResampleTests {
  static func interpolation(_ mode: Int, _ input: [Int], _ output: [Int], corners: Bool, antialias: Bool = false)
    -> fb_interpolation
  {
    fb_interpolation(
      dtype: fb_dtype(code(.float64)), mode: Int32(mode), align_corners: corners, antialias: antialias,
      input: (Int64(input[0]), Int64(input[1]), Int64(input[2])),
      output: (Int64(output[0]), Int64(output[1]), Int64(output[2])), scale: (0, 0, 0))
  }

  @Test func knownValues() {
    let x: [Double] = [0, 10, 20]
    func run(_ mode: Int, _ count: Int, corners: Bool) -> [Double] {
      var args = Self.interpolation(mode, [1, 1, 3], [1, 1, count], corners: corners)
      var y = [Double](repeating: -1, count: count)
      fb_interpolate(&args, x, &y, 0, 1)
      return y
    }
    #expect(run(0, 6, corners: false) == [0, 0, 10, 10, 20, 20])
    #expect(run(1, 2, corners: false) == [0, 20])
    #expect(isClose(run(2, 5, corners: true), [0, 5, 10, 15, 20]))
    #expect(isClose(run(2, 6, corners: false), [0, 2.5, 7.5, 12.5, 17.5, 20]))
  }

  /// The backward pass is the transpose of the forward pass: <dy, A x> = <A' dy, x>.
  @Test(arguments: [0, 1, 2, 3], [false, true]) func interpolationBackwardIsItsTranspose(_ mode: Int, _ other: Bool) {
    var args = Self.interpolation(
      mode, [mode == 2 ? 3 : 1, 5, 4], [mode == 2 ? 5 : 1, 3, 9], corners: other && mode >= 2,
      antialias: other && mode == 3)
    let inCount = (mode == 2 ? 3 : 1) * 20, outCount = (mode == 2 ? 5 : 1) * 27
    var numbers = Numbers(seed: UInt64(mode))
    let x = numbers.doubles(2 * inCount), dy = numbers.doubles(2 * outCount)
    var y = dy, dx = x
    fb_interpolate(&args, x, &y, 0, 2)
    fb_interpolate_backward(&args, dy, &dx, 0, 2)
    #expect(abs(dot(dy, y) - dot(dx, x)) < 1e-9)
  }

  @Test(arguments: [0, 2, 3], [0, 1, 2]) func gridSampleGradients(_ mode: Int, _ padding: Int) {
    var args = fb_grid(
      dtype: fb_dtype(code(.float64)), ndim: 2, mode: Int32(mode), padding: Int32(padding), align_corners: false,
      channels: 2,
      input: (1, 4, 5), output: (1, 3, 3))
    var numbers = Numbers(seed: UInt64(10 * mode + padding))
    let x = numbers.doubles(40), dy = numbers.doubles(18), grid = numbers.doubles(18).map { $0 / 3 + 0.0171 }
    var y = dy, dx = x, dgrid = grid
    fb_grid_sample(&args, x, grid, &y, 0, 1)
    fb_grid_sample_backward(&args, dy, x, grid, &dx, &dgrid, 0, 1)
    #expect(abs(dot(dy, y) - dot(dx, x)) < 1e-9)
    let step = 1e-6
    for i in grid.indices {
      var (low, high) = (grid, grid)
      low[i] -= step
      high[i] += step
      var (below, above) = (y, y)
      fb_grid_sample(&args, x, low, &below, 0, 1)
      fb_grid_sample(&args, x, high, &above, 0, 1)
      #expect(abs((dot(dy, above) - dot(dy, below)) / (2 * step) - dgrid[i]) < 1e-5)
    }
  }

  @Test func paddingReadsTheData() {
    func pad(_ mode: Int, _ before: Int64, _ after: Int64) -> [Float] {
      var args = fb_padding(
        dtype: fb_dtype(code(.float32)), mode: Int32(mode), input: (1, 1, 4), before: (0, 0, before),
        after: (0, 0, after))
      var y = [Float](repeating: -1, count: 4 + Int(before + after))
      fb_pad(&args, [1, 2, 3, 4] as [Float], &y, 0, 1)
      return y
    }
    #expect(pad(0, 2, 3) == [3, 2, 1, 2, 3, 4, 3, 2, 1])
    #expect(pad(1, 1, -1) == [1, 1, 2, 3])
    #expect(pad(2, 2, 1) == [3, 4, 1, 2, 3, 4, 1])
  }

  @Test func foldIsTheTransposeOfUnfold() {
    var args = fb_unfold_args(
      dtype: fb_dtype(code(.float64)), channels: 2, input: (5, 6), output: (3, 2), kernel: (2, 3), stride: (2, 2),
      padding: (1, 0), dilation: (2, 1))
    var numbers = Numbers(seed: 3)
    let x = numbers.doubles(60), columns = numbers.doubles(2 * 6 * 6)
    var unfolded = columns, folded = x
    fb_unfold(&args, x, &unfolded, 0, 1)
    fb_fold(&args, columns, &folded, 0, 1)
    #expect(abs(dot(columns, unfolded) - dot(folded, x)) < 1e-9)
  }
}
