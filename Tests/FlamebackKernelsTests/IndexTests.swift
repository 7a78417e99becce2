import CKernels
import FlamebackKernels
import Testing

@Suite struct IndexTests {
  let matrix: [Float] = [0, 1, 2, 10, 11, 12]  // [2, 3]

  @Test func gatherReportsWhatIsNoPlace() {
    var out = [Float](repeating: 0, count: 4)
    #expect(fb_gather(4, 2, [2, 2], 1, [0, 2, 1, 2], matrix, [3, 1], 3, &out, 0, 2) == -1)
    #expect(out == [0, 2, 11, 12])
    #expect(fb_gather(4, 2, [2, 2], 0, [0, 1, 1, 0], matrix, [3, 1], 2, &out, 0, 2) == -1)
    #expect(out == [0, 11, 10, 1])
    #expect(fb_gather(4, 2, [2, 2], 1, [0, 1, 1, 3], matrix, [3, 1], 3, &out, 0, 2) == 3)
    #expect(fb_gather(4, 2, [2, 2], 1, [0, 1, -1, 0], matrix, [3, 1], 3, &out, 0, 2) == 2)
  }

  @Test func scatterReduces() {
    func scatter(_ mode: Int, includeSelf: Bool) -> [Float] {
      var target: [Float] = [5, 6, 7]
      let bad = fb_scatter(
        fb_dtype(code(.float32)), Int32(mode), includeSelf, 1, [3], 0, [0, 0, 2], [1, 2, 9] as [Float], [1], &target,
        [1], 3,
        0, 1)
      #expect(bad == -1)
      return target
    }
    #expect(scatter(FB_SCATTER_ASSIGN, includeSelf: true) == [2, 6, 9])
    #expect(scatter(FB_SCATTER_SUM, includeSelf: true) == [8, 6, 16])
    #expect(scatter(FB_SCATTER_SUM, includeSelf: false) == [3, 6, 9])
    #expect(scatter(FB_SCATTER_PROD, includeSelf: true) == [10, 6, 63])
    #expect(scatter(FB_SCATTER_MEAN, includeSelf: false) == [1.5, 6, 9])
    #expect(scatter(FB_SCATTER_AMAX, includeSelf: true) == [5, 6, 9])
    #expect(scatter(FB_SCATTER_AMIN, includeSelf: false) == [1, 6, 9])
  }

  @Test func linesAreReadAndAddedToInAnySplit() {
    var out = [Float](repeating: 0, count: 4)
    for (begin, end) in [(0, 1), (1, 4)] as [(Int64, Int64)] {
      #expect(fb_index_select(4, matrix, 2, 3, 1, [2, 1], 2, &out, begin, end) == -1)
    }
    #expect(out == [2, 1, 12, 11])
    #expect(fb_index_select(4, matrix, 2, 3, 1, [0, 3], 2, &out, 1, 4) == 1)
    #expect(fb_index_select(4, matrix, 2, 3, 1, [-1, 0], 2, &out, 0, 4) == 0)
    func add(_ index: [Int64], _ target: inout [Float]) -> Int64 {
      fb_scatter(
        fb_dtype(code(.float32)), Int32(FB_SCATTER_SUM), true, 2, [2, 2], 1, index, [1, 2, 3, 4] as [Float], [2, 1],
        &target,
        [3, 1], 3, 0, 2)
    }
    var target = matrix
    #expect(add([0, 2, 2, 2], &target) == -1 && target == [1, 1, 4, 10, 11, 19])
    #expect(add([0, 1, 2, -1], &target) == 3)
  }

  @Test func aBadIndexLeavesTheTargetAlone() {
    var target = matrix
    let bad = fb_index_rows(
      fb_dtype(code(.float32)), Int32(FB_SCATTER_SUM), true, &target, 1, 2, 3, [0, 2], 2, matrix, 0, 2)
    #expect(bad == 1 && target == matrix)
  }

  @Test func embeddingGradientAddsRowsInAnySplit() {
    let dy: [Float] = [1, 2, 3, 4, 5, 6]
    var whole = [Float](repeating: 9, count: 8), split = whole
    fb_embedding_backward(fb_dtype(code(.float32)), dy, [2, 0, 2], 3, 2, -1, nil, &whole, 0, 4)
    #expect(whole == [3, 4, 0, 0, 6, 8, 0, 0])
    fb_embedding_backward(fb_dtype(code(.float32)), dy, [2, 0, 2], 3, 2, 0, [1, 0, 2, 0], &split, 0, 1)
    fb_embedding_backward(fb_dtype(code(.float32)), dy, [2, 0, 2], 3, 2, 0, [1, 0, 2, 0], &split, 1, 4)
    #expect(split == [0, 0, 0, 0, 3, 4, 0, 0])
  }

  /// x[i, :, j] of x [2, 3, 2], with i and j of shape [3].
  @Test func advancedIndexingReadsAndWrites() {
    let x = (0..<12).map(Float.init)
    let i: [Int64] = [0, 1, -1], j: [Int64] = [1, 0, 0]
    i.withUnsafeBufferPointer { i in
      j.withUnsafeBufferPointer { j in
        let shape: [Int64] = [3, 3], strides: [Int64] = [0, 2], indexStrides: [Int64] = [1, 0, 1, 0]
        let sizes: [Int64] = [2, 2], indexed: [Int64] = [6, 1]
        let arrays: [UnsafePointer<Int64>?] = [i.baseAddress, j.baseAddress]
        func withArguments(_ body: (UnsafePointer<fb_index_args>) -> Void) {
          shape.withUnsafeBufferPointer { shape in
            strides.withUnsafeBufferPointer { strides in
              indexStrides.withUnsafeBufferPointer { indexStrides in
                sizes.withUnsafeBufferPointer { sizes in
                  indexed.withUnsafeBufferPointer { indexed in
                    arrays.withUnsafeBufferPointer { arrays in
                      var args = fb_index_args(
                        ndim: 2, n_indices: 2, shape: shape.baseAddress, strides: strides.baseAddress,
                        indices: arrays.baseAddress, index_strides: indexStrides.baseAddress,
                        sizes: sizes.baseAddress, indexed_strides: indexed.baseAddress)
                      body(&args)
                    }
                  }
                }
              }
            }
          }
        }
        withArguments { args in
          var out = [Float](repeating: -1, count: 9)
          #expect(fb_index_get(args, 4, x, &out, 0, 5) == -1)
          #expect(fb_index_get(args, 4, x, &out, 5, 9) == -1)
          #expect(out == [1, 3, 5, 6, 8, 10, 6, 8, 10])
          var target = x
          #expect(fb_index_put(args, fb_dtype(code(.float32)), true, &target, [100] as [Float], [0, 0]) == -1)
          #expect(target == [0, 101, 2, 103, 4, 105, 206, 7, 208, 9, 210, 11])
        }
      }
    }
  }

  @Test func masksSelectAndScatter() {
    let mask = [true, false, true, false, false, true]
    var out = [Float](repeating: 0, count: 3), places = [Int64](repeating: 0, count: 6)
    #expect(fb_count_nonzero(fb_dtype(code(.bool)), mask, 0, 6) == 3)
    #expect(fb_nonzero(fb_dtype(code(.bool)), mask, 2, [2, 3], &places, 0, 6) == 3)
    #expect(places == [0, 0, 0, 2, 1, 2])
    #expect(fb_masked_select(4, matrix, mask, 6, &out) == 3)
    #expect(out == [0, 2, 12])
    var target = matrix
    #expect(fb_masked_scatter(4, &target, mask, 6, [7, 8] as [Float], 2) == 3)
    #expect(target == matrix)
    #expect(fb_masked_scatter(4, &target, mask, 6, [7, 8, 9] as [Float], 3) == 3)
    #expect(target == [7, 1, 8, 10, 11, 9])
    #expect(fb_count_nonzero(fb_dtype(code(.float32)), [.nan, 0, -0.0] as [Float], 0, 3) == 1)
  }
}
