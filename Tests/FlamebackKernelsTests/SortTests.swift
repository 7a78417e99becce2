import CKernels
import FlamebackKernels
import Testing

@Suite struct SortTests {
  /// NaN after everything, zeros equal: the order that the kernels promise.
  static func precedes(_ a: Double, _ b: Double) -> Bool { a < b || (!a.isNaN && b.isNaN) }

  /// Lines along dim 0 of [n, columns], all of them and a part: few, some and many numbers, many of them equal.
  @Test(arguments: [1, 5, 8, 9, 64, 100, 256, 257, 3000], [1, 2, 37]) func sortIsStable(_ n: Int, columns: Int) {
    var numbers = Numbers(seed: UInt64(n))
    var x = numbers.doubles(n * columns)
    check(code(.int8), x.map { Int8($0 * 8) }, n, columns)
    check(code(.int64), x.map { Int64($0 * 1e12) }, n, columns)
    for i in stride(from: 3, to: x.count, by: 7) { x[i] = [.nan, -.infinity, -0.0][i % 3] }
    check(code(.float64), x, n, columns)
    check(code(.float32), x.map { Float($0) }, n, columns)
  }

  private func check<T: Numeric & Comparable & BitwiseCopyable>(_ dtype: Int, _ x: [T], _ n: Int, _ columns: Int) {
    func precedes(_ a: T, _ b: T) -> Bool { a < b || (a == a && b != b) }
    let lines = columns > 2 ? 1..<columns - 1 : 0..<columns
    for descending in [false, true] {
      var values = x, places = [Int64](repeating: -1, count: x.count)
      fb_sort(
        fb_dtype(UInt32(dtype)), x, 1, Int64(n), Int64(columns), descending, &values, &places, Int64(lines.lowerBound),
        Int64(lines.upperBound))
      for column in 0..<columns {
        let line = (0..<n).map { x[$0 * columns + column] }
        let expected = line.indices.sorted {
          let (before, after) = (precedes(line[$0], line[$1]), precedes(line[$1], line[$0]))
          return before == after ? $0 < $1 : before != descending
        }
        let found = (0..<n).map { Int(places[$0 * columns + column]) }
        guard lines.contains(column) else {
          #expect(found.allSatisfy { $0 == -1 })
          continue
        }
        #expect(found == expected)
        // Zeros of both signs and NaN as they are.
        #expect((0..<n).allSatisfy { "\(values[$0 * columns + column])" == "\(line[expected[$0]])" })
      }
    }
  }

  @Test func selection() {
    let x: [Int64] = [4, 1, 9, 1, 7]
    var values = [Int64](repeating: 0, count: 2), places = values
    fb_topk(fb_dtype(code(.int64)), x, 1, 5, 1, 2, true, true, &values, &places, 0, 1)
    #expect(values == [9, 7] && places == [2, 4])
    fb_kthvalue(fb_dtype(code(.int64)), x, 1, 5, 1, 3, &values, &places, 0, 1)
    #expect(values[0] == 4 && places[0] == 0)
    fb_mode(fb_dtype(code(.int64)), x, 1, 5, 1, &values, &places, 0, 1)
    #expect(values[0] == 1)
    let y: [Float] = [3, .nan, 1, 2, 8]
    var median = [Float](repeating: 0, count: 1)
    fb_median(fb_dtype(code(.float32)), y, 1, 5, 1, false, &median, &places, 0, 1)
    #expect(median[0].isNaN && places[0] == 1)
    fb_median(fb_dtype(code(.float32)), y, 1, 5, 1, true, &median, &places, 0, 1)
    #expect(median[0] == 2 && places[0] == 3)
  }

  /// The first numbers of lines, in order; with equal ones any of their places.
  @Test(arguments: [1, 5, 16, 17, 40], [false, true]) func firstOfALine(_ k: Int, largest: Bool) {
    let n = 70
    var numbers = Numbers(seed: UInt64(k))
    var x = numbers.doubles(n)
    for kind in ["distinct", "some equal", "with NaN"] {
      if kind == "some equal" { x = x.map { ($0 * 4).rounded() } }
      if kind == "with NaN" { for i in stride(from: 3, to: n, by: 30) { x[i] = .nan } }
      var values = [Double](repeating: 0, count: k), places = [Int64](repeating: 0, count: k)
      fb_topk(fb_dtype(code(.float64)), x, 1, Int64(n), 1, Int64(k), largest, true, &values, &places, 0, 1)
      let expected = x.sorted { largest ? Self.precedes($1, $0) : Self.precedes($0, $1) }.prefix(k)
      #expect(zip(values, expected).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) })
      #expect(zip(values, places).allSatisfy { $0.bitPattern == x[Int($1)].bitPattern })
      #expect(Set(places).count == k)
    }
  }

  @Test func uniqueValuesAndRows() {
    var values = [Int32](repeating: 0, count: 5)
    var inverse = [Int64](repeating: 0, count: 5), counts = inverse, first = inverse
    #expect(fb_unique(fb_dtype(code(.int32)), [3, -1, 3, 2, 3] as [Int32], 5, &values, &inverse, &counts) == 3)
    #expect(values[..<3] == [-1, 2, 3] && inverse == [2, 0, 2, 1, 2] && counts[..<3] == [1, 1, 3])
    #expect(
      fb_unique_consecutive(fb_dtype(code(.int32)), [3, 3, 1, 3, 3] as [Int32], 5, &values, &inverse, &counts) == 3)
    #expect(values[..<3] == [3, 1, 3] && inverse == [0, 0, 1, 2, 2] && counts[..<3] == [2, 1, 2])
    let rows: [Int32] = [1, 2, 0, 5, 1, 2]
    #expect(fb_unique_rows(fb_dtype(code(.int32)), rows, 3, 2, false, &first, &inverse, &counts) == 2)
    #expect(first[..<2] == [1, 0] && inverse[..<3] == [1, 0, 1] && counts[..<2] == [1, 2])
  }

  @Test func searchAndCounts() {
    var places = [Int64](repeating: 0, count: 3)
    let sorted: [Double] = [1, 3, 3, 5]
    fb_searchsorted(fb_dtype(code(.float64)), sorted, 1, 4, nil, [3, 0, 9] as [Double], 3, false, &places, 0, 3)
    #expect(places == [1, 0, 4])
    fb_searchsorted(fb_dtype(code(.float64)), sorted, 1, 4, nil, [3, 0, 9] as [Double], 3, true, &places, 0, 3)
    #expect(places == [3, 0, 4])
    var counts = [Int64](repeating: 7, count: 4)
    #expect(fb_bincount(fb_dtype(code(.uint8)), [1, 3, 1] as [UInt8], 3, nil, 0, &counts, 4) == -1)
    #expect(counts == [0, 2, 0, 1])
    #expect(fb_bincount(fb_dtype(code(.int8)), [1, -3, 1] as [Int8], 3, nil, 0, &counts, 4) == 1)
    var bins = [Float](repeating: 7, count: 2)
    fb_histc(fb_dtype(code(.float32)), [0, 1, 2, 3, .nan, -1] as [Float], 6, nil, 0, 2, 2, &bins)
    #expect(bins == [1, 2])
  }
}
