import CKernels
import FlamebackKernels
import Testing

@Suite struct GemmTests {
  struct Case: Sendable {
    let m: Int, n: Int, k: Int
  }
  static let cases = [
    Case(m: 1, n: 1, k: 1), Case(m: 3, n: 5, k: 7), Case(m: 17, n: 9, k: 33), Case(m: 1, n: 40, k: 300),
    Case(m: 40, n: 41, k: 42), Case(m: 2, n: 3, k: 0),
  ]

  /// Large enough to be packed, with parts of every length at their ends.
  static let large = [
    Case(m: 201, n: 97, k: 300), Case(m: 196, n: 130, k: 523), Case(m: 70, n: 512, k: 41), Case(m: 512, n: 96, k: 33),
    Case(m: 195, n: 2061, k: 35), Case(m: 199, n: 72, k: 1024),
  ]

  /// C = alpha op(A) op(B) + beta C by the definition.
  static func reference(
    _ c: Case, _ ta: Bool, _ tb: Bool, _ a: [Double], _ b: [Double], _ old: [Double], alpha: Double = 2,
    beta: Double = 3
  ) -> [Double] {
    var result = old.map { beta * $0 }
    for i in 0..<c.m {
      for j in 0..<c.n {
        for p in 0..<c.k {
          result[i * c.n + j] += alpha * a[ta ? p * c.m + i : i * c.k + p] * b[tb ? j * c.k + p : p * c.n + j]
        }
      }
    }
    return result
  }

  static func multiply<T>(
    _ dtype: Int, _ c: Case, _ ta: Bool, _ tb: Bool, _ a: [T], _ b: [T], _ old: [T], alpha: Double, beta: Double,
    bias: [T]? = nil, packsOnce: Bool = false
  ) -> [T] {
    var result = old
    result.withUnsafeMutableBytes { out in
      var args = fb_gemm_args()
      args.dtype = fb_dtype(dtype)
      (args.trans_a, args.trans_b) = (ta ? 1 : 0, tb ? 1 : 0)
      (args.m, args.n, args.k) = (Int64(c.m), Int64(c.n), Int64(c.k))
      (args.lda, args.ldb, args.ldc) = (Int64(ta ? c.m : c.k), Int64(tb ? c.k : c.n), Int64(c.n))
      args.alpha = fb_scalar(i: Int64(alpha), re: alpha, im: 0)
      args.beta = fb_scalar(i: Int64(beta), re: beta, im: 0)
      a.withUnsafeBytes { a in
        b.withUnsafeBytes { b in
          args.a = a.baseAddress
          args.b = b.baseAddress
          args.c = out.baseAddress
          (bias ?? []).withUnsafeBytes { bytes in
            args.bias = bias == nil ? nil : bytes.baseAddress
            guard packsOnce else { return fb_gemm(&args, 0, 1) }
            let size = fb_gemm_packed_size(args.dtype, args.n, args.k)
            withUnsafeTemporaryAllocation(byteCount: Int(size), alignment: 64) { packed in
              fb_gemm_pack(&args, packed.baseAddress)
              args.b = nil
              args.packed_b = UnsafeRawPointer(packed.baseAddress)
              fb_gemm(&args, 0, 1)
            }
          }
        }
      }
    }
    return result
  }

  @Test(arguments: cases, [(false, false), (true, false), (false, true), (true, true)])
  func productsFollowTheDefinition(_ c: Case, _ transposed: (Bool, Bool)) {
    let (ta, tb) = transposed
    var numbers = Numbers(seed: UInt64(c.m * 100 + c.n * 10 + c.k))
    let a = numbers.doubles(c.m * c.k), b = numbers.doubles(c.k * c.n), old = numbers.doubles(c.m * c.n)
    let expected = Self.reference(c, ta, tb, a, b, old)
    #expect(isClose(Self.multiply(code(.float64), c, ta, tb, a, b, old, alpha: 2, beta: 3), expected))
    let floats = Self.multiply(
      code(.float32), c, ta, tb, a.map(Float.init), b.map(Float.init), old.map(Float.init), alpha: 2, beta: 3)
    #expect(isClose(floats.map(Double.init), expected, tolerance: 1e-4))
    let integers = Self.multiply(
      code(.int32), c, ta, tb, a.map { Int32($0 * 8) }, b.map { Int32($0 * 8) }, old.map { Int32($0 * 64) }, alpha: 2,
      beta: 3
    )
    #expect(integers.map { Double($0) / 64 } == expected)
  }

  @Test(arguments: large, [(false, false), (true, false), (false, true), (true, true)])
  func packedProductsFollowTheDefinition(_ c: Case, _ transposed: (Bool, Bool)) {
    checkProducts(c, transposed, packsOnce: false)
  }

  /// The right matrix packed beforehand; few rows too.
  @Test(
    arguments: large + [Case(m: 2, n: 16, k: 300), Case(m: 5, n: 1001, k: 70), Case(m: 1, n: 40, k: 600)],
    [(false, false), (true, false), (false, true), (true, true)])
  func productsWithPackedMatricesFollowTheDefinition(_ c: Case, _ transposed: (Bool, Bool)) {
    checkProducts(c, transposed, packsOnce: true)
  }

  private func checkProducts(_ c: Case, _ transposed: (Bool, Bool), packsOnce: Bool) {
    let (ta, tb) = transposed
    var numbers = Numbers(seed: UInt64(c.m * 100 + c.n * 10 + c.k))
    let a = numbers.doubles(c.m * c.k), b = numbers.doubles(c.k * c.n), bias = numbers.doubles(c.n)
    let old = numbers.doubles(c.m * c.n), nothing = old.map { _ in Double.nan }
    let product = Self.reference(c, ta, tb, a, b, old, alpha: 0.5, beta: 0)
    let added = zip(product, old).map { $0 + $1 }
    let biased = product.indices.map { product[$0] + bias[$0 % c.n] }
    func check<T: BinaryFloatingPoint>(_ dtype: Int, _ type: T.Type, _ tolerance: Double) {
      func run(_ old: [Double], beta: Double, bias: [Double]? = nil) -> [Double] {
        Self.multiply(
          dtype, c, ta, tb, a.map(T.init), b.map(T.init), old.map(T.init), alpha: 0.5, beta: beta,
          bias: bias?.map(T.init), packsOnce: packsOnce
        ).map { Double($0) }
      }
      #expect(isClose(run(nothing, beta: 0), product, tolerance: tolerance))
      #expect(isClose(run(old, beta: 1), added, tolerance: tolerance))
      #expect(isClose(run(nothing, beta: 0, bias: bias), biased, tolerance: tolerance))
    }
    check(code(.float32), Float.self, 1e-4)
    check(code(.float64), Double.self, 1e-12)
  }

  @Test func betaZeroNeverReadsC() {
    for c in [
      Case(m: 3, n: 5, k: 7), Case(m: 40, n: 41, k: 42), Case(m: 1, n: 40, k: 300), Case(m: 2, n: 3, k: 0),
      Case(m: 120, n: 130, k: 1),
    ] {
      let result = Self.multiply(
        code(.float32), c, false, false, [Float](repeating: 1, count: c.m * c.k),
        [Float](repeating: 1, count: c.k * c.n),
        [Float](repeating: .nan, count: c.m * c.n), alpha: 1, beta: 0)
      #expect(result.allSatisfy { $0 == Float(c.k) })
    }
  }

  /// "Prescott" is what it falls back to on a processor that it does not know.
  @Test func openBLASTakesKernelsForTheVectorsThatThereAre() {
    guard ["AVX2", "AVX3"].contains(String(cString: fb_vector_target())) else { return }
    #expect(String(cString: fb_blas_core()) != "Prescott")
  }

  @Test func integersWrap() {
    let c = Case(m: 1, n: 1, k: 2)
    let wrapped = Self.multiply(
      code(.int8), c, false, false, [100, 100] as [Int8], [3, 3] as [Int8], [0] as [Int8], alpha: 1, beta: 0)
    #expect(wrapped == [Int8(truncatingIfNeeded: 600)])
  }
}
