import Flameback
import FlamebackKernels
import Testing

/// Unsigned integers, floats of 8 bits and complex halves: where they differ from the common dtypes.
@Suite struct SeldomDTypeTests {
  private let large = Tensor([UInt64.max, 1 << 63, 7, 0], shape: [4])

  private func message(_ body: () -> Void) -> String {
    do {
      try withErrors(body)
      return "no error"
    } catch { return "\(error)" }
  }

  @Test func uint64IsUnsigned() {
    let seven = Tensor([7, 7, 7, 7] as [UInt64], shape: [4])
    let half: UInt64 = 1 << 63
    func check(_ found: Tensor, _ wanted: [UInt64]) { #expect(found.dtype == .uint64 && found.scalars() == wanted) }
    check(large + seven, [6, half + 7, 14, 7])
    check(large * seven, [UInt64.max - 6, half, 49, 0])
    check(large.floorDivide(seven), [UInt64.max / 7, half / 7, 1, 0])
    check(large.remainder(seven), [UInt64.max % 7, half % 7, 0, 0])
    check(large.minimum(seven), [7, 7, 7, 0])
    check(large.maximum(seven), [UInt64.max, half, 7, 7])
    check(large >> 1, [UInt64.max >> 1, half >> 1, 3, 0])
    check(~large, [0, half - 1, UInt64.max - 7, UInt64.max])
    check(large.gcd(seven), [1, 1, 7, 7])
    #expect((large .> seven).scalars(Bool.self) == [true, true, false, false])
    #expect(large.abs().scalars(UInt64.self) == large.scalars(UInt64.self))
    #expect(large.signbit().scalars(Bool.self) == [false, false, false, false])
    #expect(large.to(.float64).scalars(Double.self) == [0x1p64, 0x1p63, 7, 0])
    #expect((large / seven).dtype == .float32)
    #expect(large.to(.int64).scalars(Int.self) == [-1, Int.min, 7, 0])
    #expect(large.to(.uint16).scalars(UInt16.self) == [65535, 0, 7, 0])
    #expect(Tensor([-1, 5]).to(.uint64).scalars(UInt64.self) == [.max, 5])
  }

  /// `torch.sort`, `torch.unique`, `torch.sum` and their like as PyTorch has them for these types.
  @Test func orderSumsAndIndices() {
    #expect(large.sort().values.scalars(UInt64.self) == [0, 7, 1 << 63, .max])
    #expect(large.argsort(descending: true).scalars(Int.self) == [0, 1, 2, 3])
    #expect(Tensor([5, 3, 5] as [UInt16], shape: [3]).unique().scalars(UInt16.self) == [3, 5])
    let total = Tensor([UInt64.max, 3], shape: [2]).sum()
    #expect(total.dtype == .int64 && total.itemInt() == 2)
    #expect(Tensor([40000, 40000] as [UInt16], shape: [2]).sum().itemInt() == 80000)
    #expect(Tensor([1 << 31, 1 << 31] as [UInt32], shape: [2]).cumsum(dim: 0).scalars(Int.self) == [1 << 31, 1 << 32])
    #expect(large.any().itemInt() == 1 && large.all().itemInt() == 0 && large.countNonzero().itemInt() == 3)
    #expect(large.nonzero().scalars(Int.self) == [0, 1, 2])
    #expect(large[Tensor([2, 0])].scalars(UInt64.self) == [7, .max])
    let rows = Tensor.zeros(2, 2, dtype: .uint32).scatterAdd(
      dim: 0, index: Tensor([[1, 1], [1, 0]]), src: Tensor([[1, 2], [3, 4]] as [[UInt32]]))
    #expect(rows.scalars(UInt32.self) == [0, 4, 4, 2])
    #expect(Tensor.cat([large, large]).dtype == .uint64 && large.flip(0).scalars(UInt64.self)[3] == .max)
    #expect(Tensor.arange(3, dtype: .uint16).scalars(UInt16.self) == [0, 1, 2])
    #expect(Tensor.full([2], 3, dtype: .uint32).scalars(UInt32.self) == [3, 3])
  }

  @Test func refusals() {
    let (u2, i4) = (Tensor.ones(2, dtype: .uint16), Tensor.ones(2, dtype: .int32))
    let none = "have no common dtype: convert one of them with to(_:) first"
    #expect(message { _ = u2 + i4 } == "[add] uint16 and int32 \(none)")
    #expect(message { _ = u2 + Tensor.ones(2, dtype: .uint32) } == "[add] uint16 and uint32 \(none)")
    #expect(
      message { _ = Tensor.ones(2, dtype: .float8E5M2) * Tensor.ones(2) } == "[mul] float8_e5m2 and float32 \(none)")
    #expect(
      message { _ = Tensor.ones(2, dtype: .bfloat16) * Tensor.full([], .complex(0, 1)) }.hasPrefix("[mul] bfloat16"))
    #expect(message { _ = Tensor.cat([u2, i4]) }.hasPrefix("[cat] uint16 and int32 have no common dtype"))
    #expect(message { _ = u2.median() }.contains("not defined for uint16"))
    #expect(message { _ = u2.reshape(1, 2).matmul(u2.reshape(2, 1)) }.contains("not defined for uint16"))
    #expect(message { _ = Tensor.ones(2, 2, dtype: .complex32).fft() }.contains("not defined for complex32"))
    #expect(
      message { _ = large.select(dim: 0, index: 0).item() }.hasPrefix("[item] 18446744073709551615 does not fit Int"))
  }

  @Test func promotionOfTensorsAndNumbers() {
    let u2 = Tensor([1, 2] as [UInt16], shape: [2])
    #expect((u2 * 3).dtype == .uint16 && (u2 * Tensor.full([], 2)).dtype == .uint16)
    #expect((u2 * 1.5).dtype == .float32 && (u2 + Tensor.ones(2, dtype: .bfloat16)).dtype == .bfloat16)
    #expect((u2 .== Tensor.ones(2, dtype: .uint16)).scalars(Bool.self) == [true, false])
    let half = Tensor.ones(2, dtype: .float16)
    let complex = half * Tensor.full([], .complex(0, 1))
    #expect(complex.dtype == .complex32 && complex.imag.scalars(Double.self) == [1, 1])
    #expect((complex + Tensor.ones(2)).dtype == .complex64 && complex.abs().dtype == .float16)
  }

  /// Elementwise functions compute in float32 (complex64) and round once.
  @Test func arithmeticWidens() {
    let x = Tensor([1.5, 2, -3, 448]).to(.float8E4M3FN)
    #expect((x * x).dtype == .float8E4M3FN && (x * x).scalars(Double.self) == [2.25, 4, 9, 448])
    #expect((x + 0.0625).scalars(Double.self) == [1.5, 2, -3, 448] && x.exp().scalars(Double.self)[0] == 4.5)
    #expect(x.to(.float8E5M2).scalars(Double.self) == [1.5, 2, -3, 448] && x.sum().itemDouble() == 448)
    let z = Tensor([Complex<Float16>(1, 2), Complex<Float16>(0, -1)], shape: [2])
    #expect((z * z).scalars(Complex<Double>.self) == [Complex(-3, 4), Complex(-1, 0)])
    #expect(z.exp().dtype == .complex32 && z.conj().imag.scalars(Double.self) == [-2, 1])
    #expect(z.viewAsReal().dtype == .float16 && z.viewAsReal().viewAsComplex().equal(z))
    #expect(Tensor.complex(Tensor.ones(2, dtype: .float16), Tensor.ones(2, dtype: .float16)).dtype == .complex32)
  }

  @Test func gradientsFlowThroughConversions() {
    let x = Tensor([1.03, 2.1], requiresGrad: true)
    let y = x.to(.float8E4M3FN)
    #expect(y.requiresGrad)
    (y.to(.float32) * Tensor([3, 5])).sum().backward()
    #expect(x.grad?.scalars(Float.self) == [3, 5])
  }

  @Test func printing() {
    #expect(
      "\(large)"
        == "tensor([18446744073709551615,  9223372036854775808,                    7,\n                           0], dtype=torch.uint64)"
    )
    #expect(
      "\(Tensor([[1, 2], [300, 0]] as [[UInt16]]))" == "tensor([[  1,   2],\n        [300,   0]], dtype=torch.uint16)")
    #expect(
      "\(Tensor([1, 2.5, 300]).to(.float8E4M3FN))"
        == "tensor([  1.0000,   2.5000, 288.0000], dtype=torch.float8_e4m3fn)")
    #expect(
      "\(Tensor([Complex<Float16>(1.5, 2), Complex<Float16>(0, -3)], shape: [2]))"
        == "tensor([1.5000+2.j, 0.0000-3.j], dtype=torch.complex32)")
  }

  /// Of PyTorch 2.15: the bits of float64 values, or of uint64, joined by exclusive or.
  @Test func hashes() {
    let x = Tensor([1, 2.5, -3] as [Float], shape: [3])
    let bits = [1, 2.5, -3].reduce(0 as UInt64) { $0 ^ Double($1).bitPattern }
    #expect(x.hashTensor().dtype == .uint64 && x.hashTensor().scalars(UInt64.self) == [bits])
    #expect(Tensor([[1, 2], [4, -1]]).hashTensor(dim: 1).scalars(UInt64.self) == [3, UInt64.max - 4])
    #expect(Tensor([true, true, true]).hashTensor(keepDim: true).scalars(UInt64.self) == [1])
    #expect(Tensor.zeros(0).hashTensor().scalars(UInt64.self) == [0])
    #expect(message { _ = Tensor.zeros(2, dtype: .complex64).hashTensor() }.hasPrefix("[hashTensor] not defined"))
  }
}
