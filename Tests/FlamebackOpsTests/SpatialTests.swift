@testable import FlamebackOps
import Flameback
import FlamebackTesting
import Testing

/// What must hold of spatial operations beside the recorded cases: gradients to second order, adjoints, limits.
@Suite struct SpatialTests {
  /// Different numbers without ties, at a distance from zero.
  static func values(_ shape: Int..., scale: Double = 1) -> Tensor {
    let count = shape.reduce(1, *)
    return Tensor(
      (0..<count).map { (Double(($0 * 29 + 7) % count) - Double(count) / 2 + 0.25) / Double(count) * scale },
      shape: Shape(shape))
  }

  /// ⟨A x, g⟩ = ⟨x, Aᵀ g⟩.
  static func isAdjoint(_ x: Tensor, _ map: (Tensor) -> Tensor, _ transposed: (Tensor) -> Tensor) -> Bool {
    let y = map(x)
    let g = Tensor((0..<y.elementCount).map { Double(($0 * 13) % 7) - 3 }, shape: y.shape)
    return (y * g).sum().allClose((x * transposed(g)).sum())
  }

  @Test func convolutionDiffersTwice() throws {
    let (x, weight, bias) = (Self.values(1, 2, 4, 3), Self.values(2, 1, 2, 2), Self.values(2))
    let conv: ([Tensor]) -> [Tensor] = {
      [$0[0].conv2d($0[1], $0[2], stride: [2, 1], padding: 1, dilation: [1, 2], groups: 2)]
    }
    try gradcheck(conv, [x, weight, bias])
    try gradgradcheck(conv, [x, weight, bias])
  }

  /// Shapes that float32 sends through different kernels: Winograd's with tiles of four and two, by panels of filters
  /// and by blocks of tiles, channels that fill no vector, lines; the kernels of float64 are plain.
  /// [batch, in, out, h, w, padding, stride, groups]
  @Test(arguments: [
    [2, 20, 37, 9, 14, 1], [3, 40, 24, 7, 5, 2], [2, 64, 32, 6, 6, 0], [16, 128, 128, 2, 2, 1],
    [2, 24, 40, 100, 90, 1], [1, 16, 48, 224, 3, 1],
    // Few channels.
    [9, 3, 6, 12, 20, 0], [2, 1, 13, 9, 11, 2], [3, 5, 1, 8, 30, 1], [1, 7, 7, 3, 17, 1],
    // oneDNN's, cut into pieces of the batch or of the channels.
    [5, 24, 72, 40, 38, 1, 2], [1, 40, 88, 50, 48, 0, 2],
    // Groups by Winograd's tiles.
    [2, 96, 80, 13, 14, 1, 1, 2], [3, 72, 48, 50, 60, 1, 1, 3],
  ])
  func convolutionOfFloatsAgreesWithDoubles(_ sizes: [Int]) throws {
    let groups = sizes.count > 7 ? sizes[7] : 1
    let (x, weight) = (
      Self.values(sizes[0], sizes[1], sizes[3], sizes[4]), Self.values(sizes[2], sizes[1] / groups, 3, 3, scale: 2)
    )
    let bias = Self.values(sizes[2])
    func results(_ dtype: DType) -> [Tensor] {
      let inputs = [x, weight, bias].map { $0.to(dtype).detached().requiringGrad() }
      let y = inputs[0].conv2d(
        inputs[1], inputs[2], stride: sizes.count > 6 ? sizes[6] : 1, padding: sizes[5], groups: groups)
      let g = Self.values(y.elementCount).reshape(Array(y.shape)).to(dtype)
      (y * g).sum().backward()
      return [y.detached()] + inputs.map { $0.grad! }
    }
    for (float, double) in zip(results(.float32), results(.float64)) {
      let scale = double.square().mean().sqrt().itemDouble()
      #expect((float.to(.float64) - double).abs().max().itemDouble() < 3e-5 * scale)
    }
  }

  @Test func complexConvolutionDiffers() throws {
    func complex(_ x: Tensor) -> Tensor { .complex(x, x * 0.5 - 0.1) }
    let (x, weight) = (complex(Self.values(1, 2, 5)), complex(Self.values(3, 2, 2)))
    try gradcheck({ [$0[0].conv1d($0[1], padding: .same)] }, [x, weight])
    try gradcheck({ [$0[0].convTranspose1d($0[1].transpose(0, 1), stride: 2)] }, [x, weight])
  }

  @Test func transposedConvolutionDiffersTwice() throws {
    let (x, weight) = (Self.values(1, 2, 3, 2), Self.values(2, 2, 2, 3))
    // The output padding is larger than the stride of the second dimension.
    let conv: ([Tensor]) -> [Tensor] = {
      [$0[0].convTranspose2d($0[1], stride: [2, 1], padding: [0, 1], outputPadding: [1, 1], dilation: [1, 2])]
    }
    try gradcheck(conv, [x, weight])
    try gradgradcheck(conv, [x, weight])
  }

  @Test func poolingDiffersTwice() throws {
    let x = Self.values(1, 2, 5, 4)
    let pools: [(Tensor) -> Tensor] = [
      { $0.maxPool2d(2, stride: 1, padding: 1, dilation: 2) },
      { $0.maxPool2dWithIndices([3, 2], ceilMode: true).output },
      { $0.avgPool2d(3, stride: 2, padding: 1, ceilMode: true, countIncludePad: false) },
      { $0.adaptiveAvgPool2d(3, nil) }, { $0.adaptiveMaxPool2d(2, 3) },
    ]
    for pool in pools {
      try gradcheck({ [pool($0[0])] }, [x])
      try gradgradcheck({ [pool($0[0]).square()] }, [x])
    }
  }

  @Test func unpoolingPutsBack() throws {
    let x = Self.values(1, 1, 4, 4, scale: 3)
    let (y, indices) = x.maxPool2dWithIndices(2)
    let back = y.maxUnpool2d(indices, 2)
    #expect(back.shape == x.shape)
    #expect(back.maxPool2d(2).clamp(min: 0).allClose(y.clamp(min: 0)))
    try gradgradcheck({ [$0[0].maxUnpool2d(indices, 2).square()] }, [y])
    #expect(throws: OpError.self) { try withErrors { y.maxUnpool2d(indices + 100, 2) } }
  }

  @Test func resamplingDiffersTwice() throws {
    let x = Self.values(1, 2, 4, 3)
    let maps: [(Tensor) -> Tensor] = [
      { $0.pad([1, 2, 0, 3], mode: .reflect).square() }, { $0.pad([2, -1, 1, 1], mode: .replicate).square() },
      { $0.pad([-1, 2, 1, 0], mode: .circular).square() }, { $0.unfold(kernelSize: 2, padding: 1).square() },
      { $0.interpolate(size: [6, 5], mode: .bicubic).square() }, { $0.interpolate(scaleFactor: 1.7).square() },
      { $0.interpolate(size: [2, 2], mode: .bilinear, antialias: true).square() }, { $0.pixelUnshuffle(1).square() },
    ]
    for map in maps {
      try gradcheck({ [map($0[0])] }, [x])
      try gradgradcheck({ [map($0[0])] }, [x])
    }
  }

  @Test func foldIsTheAdjointOfUnfold() {
    let x = Self.values(2, 3, 5, 4)
    #expect(
      Self.isAdjoint(x) {
        $0.unfold(kernelSize: [2, 3], dilation: [2, 1], padding: 1, stride: [1, 2])
      } _: {
        $0.fold(outputSize: [5, 4], kernelSize: [2, 3], dilation: [2, 1], padding: 1, stride: [1, 2])
      })
  }

  @Test(arguments: [GridSampleMode.bilinear, .nearest, .bicubic], [GridPaddingMode.zeros, .border, .reflection])
  func gridSampling(_ mode: GridSampleMode, _ padding: GridPaddingMode) throws {
    let x = Self.values(2, 2, 4, 5)
    let grid = Self.values(2, 3, 2, 2, scale: 2.9)
    for corners in [true, false] {
      let sample = Primitives.GridSample(mode: mode, padding: padding, alignCorners: corners)
      let kernel = apply(sample, x, grid)
      #expect(sample.decomposed([x, grid])![0].allClose(kernel))
      try gradcheck({ [apply(sample, $0[0], $0[1])] }, [x, grid])
    }
    let small = Self.values(1, 1, 3, 3)
    try gradgradcheck(
      { [$0[0].gridSample($0[1], mode: mode, paddingMode: padding)] }, [small, Self.values(1, 2, 1, 2, scale: 1.3)])
  }

  @Test func emptyBatches() {
    let x = Tensor.zeros(0, 3, 8, 8)
    #expect(x.conv2d(Tensor.ones(4, 3, 3, 3)).shape == [0, 4, 6, 6])
    #expect(x.maxPool2d(2).shape == [0, 3, 4, 4])
    #expect(x.adaptiveAvgPool2d(1).shape == [0, 3, 1, 1])
    #expect(x.pad([1, 1, 1, 1], mode: .reflect).shape == [0, 3, 10, 10])
  }

  @Test func errorsNameShapes() {
    func sentence(_ body: () -> Tensor) -> String {
      do {
        _ = try withErrors(body)
        return "none"
      } catch { return "\(error)" }
    }
    let x = Tensor.ones(1, 3, 8, 8)
    #expect(
      sentence { x.conv2d(Tensor.ones(4, 2, 3, 3)) }
        == "[conv2d] weight expects 2 input channels in 1 groups, got 3: float32 [1, 3, 8, 8] × float32 [4, 2, 3, 3]")
    #expect(
      sentence { x.conv2d(Tensor.ones(4, 3, 9, 3)) }
        == "[conv2d] kernel is larger than the padded input: float32 [1, 3, 8, 8] × float32 [4, 3, 9, 3]")
    #expect(
      sentence { x.conv2d(Tensor.ones(4, 3, 3, 3), stride: 2, padding: .same) }
        == "[conv2d] padding 'same' is not possible with stride [2, 2]")
    #expect(
      sentence { x.maxPool2d(2, padding: 2) }
        == "[maxPool2d] padding must be at most half of the effective kernel size, "
        + "got padding [2, 2], kernelSize [2, 2], dilation [1, 1]")
    #expect(
      sentence { x.interpolate(scaleFactor: 2, mode: .linear) }
        == "[interpolate] linear needs a 3-d input, got float32 [1, 3, 8, 8]")
  }
}
