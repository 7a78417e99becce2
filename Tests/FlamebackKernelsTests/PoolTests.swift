import CKernels
import FlamebackKernels
import Testing

@Suite struct PoolTests {
  /// A pooling over one dimension.
  static func pool(_ input: Int, _ output: Int, kernel: Int, stride: Int, padding: Int = 0) -> fb_pool {
    fb_pool(
      dtype: fb_dtype(code(.float32)), input: (1, 1, Int64(input)), output: (1, 1, Int64(output)),
      kernel: (1, 1, Int64(kernel)), stride: (1, 1, Int64(stride)), padding: (0, 0, Int64(padding)),
      dilation: (1, 1, 1), count_include_pad: true, divisor_override: 0)
  }

  @Test func maximumTakesTheFirstOfEqualsAndNaN() {
    var pool = Self.pool(7, 4, kernel: 2, stride: 2, padding: 1)
    let x: [Float] = [1, 3, 3, .nan, 5, -.infinity, -.infinity]
    var y = [Float](repeating: 0, count: 4), places = [Int64](repeating: 0, count: 4)
    fb_max_pool(&pool, x, &y, &places, 0, 1)
    #expect(y[0] == 1 && y[1] == 3 && y[2].isNaN && y[3] == -.infinity)
    #expect(places == [0, 1, 3, 5])
    var dx = [Float](repeating: 9, count: 7)
    fb_max_pool_backward(&pool, [1, 2, 3, 4] as [Float], places, &dx, 0, 1)
    #expect(dx == [1, 2, 0, 3, 0, 4, 0])
  }

  @Test func averageCountsPaddingAndClipsTheLastWindow() {
    // kernel 3, stride 2, padding 1, ceil mode: the last window reaches beyond the padding and counts 2.
    var pool = Self.pool(4, 3, kernel: 3, stride: 2, padding: 1)
    var y = [Float](repeating: 0, count: 3)
    fb_avg_pool(&pool, [3, 6, 9, 12] as [Float], &y, 0, 1)
    #expect(y == [3, 9, 6])
    pool.count_include_pad = false
    fb_avg_pool(&pool, [3, 6, 9, 12] as [Float], &y, 0, 1)
    #expect(y == [4.5, 9, 12])
    pool.divisor_override = 2
    fb_avg_pool(&pool, [3, 6, 9, 12] as [Float], &y, 0, 1)
    #expect(y == [4.5, 13.5, 6])
  }

  @Test func adaptiveWindowsOverlap() {
    var pool = Self.pool(5, 3, kernel: 1, stride: 1)
    let x: [Float] = [1, 2, 4, 8, 16]
    var y = [Float](repeating: 0, count: 3), places = [Int64](repeating: 0, count: 3)
    fb_adaptive_avg_pool(&pool, x, &y, 0, 1)
    #expect(y == [1.5, 14.0 / 3, 12])
    fb_adaptive_max_pool(&pool, x, &y, &places, 0, 1)
    #expect(y == [2, 8, 16] && places == [1, 3, 4])
    var dx = [Float](repeating: 0, count: 5)
    fb_adaptive_avg_pool_backward(&pool, [2, 3, 4] as [Float], &dx, 0, 1)
    #expect(dx == [1, 2, 1, 3, 2])
  }

  @Test func unpoolingReportsAPlaceOutsideThePlane() {
    var pool = Self.pool(4, 2, kernel: 2, stride: 2)
    var y = [Float](repeating: 9, count: 4)
    #expect(fb_max_unpool(&pool, [1, 2] as [Float], [1, 4], &y, 0, 1) == 1)
    #expect(y == [9, 9, 9, 9])
    #expect(fb_max_unpool(&pool, [1, 2] as [Float], [1, 3], &y, 0, 1) == -1)
    #expect(y == [0, 1, 0, 2])
  }
}
