import Flameback
import FlamebackTesting
import FlamebackVision
import Testing

/// Gradients of first and second order against differences.
@Suite struct RegionGradientTests {
  /// Different numbers without ties.
  static func image(_ shape: [Int]) -> Tensor {
    let count = shape.reduce(1, *)
    return Tensor((0..<count).map { Double(($0 * 37) % count) / Double(count) - 0.4 }, shape: Shape(shape))
  }
  static let boxes = Tensor(
    [0, 0.7, 0.2, 5.1, 4.4, 1, 1.3, 2.1, 6.2, 5.9, 1, -3, -2, 1.4, 1.2] as [Double], shape: [3, 5])

  @Test func roiAlign() throws {
    let x = Self.image([2, 2, 6, 7])
    try gradcheck({ [$0[0].roiAlign(Self.boxes, outputSize: [2, 3], aligned: true)] }, [x])
    try gradgradcheck({ [$0[0].roiAlign(Self.boxes, outputSize: 2, samplingRatio: 2).square()] }, [x])
  }

  @Test func roiPool() throws {
    let x = Self.image([2, 2, 6, 7])
    try gradcheck({ [$0[0].roiPool(Self.boxes, outputSize: 2)] }, [x])
    try gradgradcheck({ [$0[0].roiPool(Self.boxes, outputSize: 2).square()] }, [x])
  }

  @Test func positionSensitive() throws {
    let x = Self.image([2, 8, 6, 7])
    try gradcheck({ [$0[0].psRoIAlign(Self.boxes, outputSize: 2), $0[0].psRoIPool(Self.boxes, outputSize: 2)] }, [x])
  }

  @Test func deformConv2d() throws {
    let x = Self.image([1, 2, 4, 4])
    let offset = Self.image([1, 8, 3, 3]) * 0.3 + 0.15
    let weight = Self.image([2, 2, 2, 2])
    let mask = Self.image([1, 4, 3, 3])
    try gradcheck({ [$0[0].deformConv2d(offset: $0[1], weight: $0[2], mask: $0[3])] }, [x, offset, weight, mask])
    // Without offsets it is a convolution.
    let plain = x.deformConv2d(offset: Tensor.zerosLike(offset), weight: weight, padding: 0)
    #expect(plain.allClose(x.conv2d(weight)))
  }

  @Test func nmsKeepsTheBestOfEachCluster() {
    let boxes = Tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30], [21, 21, 31, 31], [0, 0, 3, 3]])
    let scores = Tensor([0.5, 0.9, 0.3, 0.2, 0.1])
    #expect(boxes.nms(scores: scores, iouThreshold: 0.5).scalars(Int.self) == [1, 2, 4])
    let classes = Tensor([0, 1, 0, 0, 0])
    #expect(
      boxes.batchedNMS(scores: scores, indices: classes, iouThreshold: 0.5).scalars(Int.self) == [1, 0, 2, 4])
  }
}
