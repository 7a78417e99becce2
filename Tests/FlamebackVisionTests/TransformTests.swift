import Flameback
import FlamebackVision
import Testing

/// Expected: torchvision 0.29 after `torch.manual_seed(7)`.
@Suite struct RandomTransformTests {
  static let image = Tensor((0..<240).map { UInt8($0) }, shape: [3, 8, 10])

  struct Case: Sendable {
    let name: String
    let transform: any ImageTransform
    let shapes: [[Int]]
    /// Sum of the pixels, and of pixels times positions.
    let sums: [(Int, Int)]
    var isExact = true
  }

  static let cases: [Case] = [
    Case(
      name: "horizontal flip", transform: RandomHorizontalFlip(), shapes: [[3, 8, 10]],
      sums: [(28680, 4_579_240), (28680, 4_575_280), (28680, 4_579_240), (28680, 4_579_240)]),
    Case(
      name: "crop", transform: RandomCrop([5, 6], padding: 2), shapes: [[3, 5, 6]],
      sums: [(7803, 389133), (7020, 454260), (10485, 621645), (7857, 391212)]),
    Case(
      name: "resized crop", transform: RandomResizedCrop(6, interpolation: .nearest), shapes: [[3, 6, 6]],
      sums: [(12798, 911268), (14400, 994230), (12978, 918198), (14112, 981522)]),
    Case(
      name: "rotation", transform: RandomRotation(-30...30), shapes: [[3, 8, 10]],
      sums: [(28680, 4_579_240), (25095, 3_981_944), (26529, 4_221_100), (26529, 4_221_100)]),
    Case(
      name: "erasing", transform: RandomErasing(p: 0.8, value: [9]), shapes: [[3, 8, 10]],
      sums: [(26781, 4_283_800), (26349, 4_178_392), (28680, 4_579_240), (26316, 4_222_080)]),
    Case(
      name: "jitter",
      transform: ColorJitter(brightness: 0.6...1.4, contrast: 0.6...1.4, saturation: 0.5...1.5, hue: -0.1...0.1),
      shapes: [[3, 8, 10]],
      sums: [(36941, 5_363_195), (41498, 6_145_247), (14945, 2_462_344), (28848, 4_991_430)], isExact: false),
    Case(
      name: "grayscale", transform: RandomGrayscale(p: 0.5), shapes: [[3, 8, 10]],
      sums: [(28680, 4_579_240), (25080, 3_125_040), (28680, 4_579_240), (28680, 4_579_240)], isExact: false),
    Case(
      name: "order", transform: RandomOrder([RandomHorizontalFlip(), RandomVerticalFlip()]), shapes: [[3, 8, 10]],
      sums: [(28680, 4_327_240), (28680, 4_323_280), (28680, 4_575_280), (28680, 4_579_240)]),
    Case(
      name: "apply", transform: RandomApply([RandomCrop(4)], p: 0.6), shapes: [[3, 4, 4], [3, 8, 10]],
      sums: [(5880, 181600), (28680, 4_579_240), (5880, 181600), (28680, 4_579_240)]),
    Case(
      name: "blur", transform: GaussianBlur(3), shapes: [[3, 8, 10]],
      sums: [(28680, 4_566_661), (28680, 4_575_040), (28680, 4_566_424), (28680, 4_566_424)], isExact: false),
  ]

  @Test(arguments: cases.indices) func drawsAsTorchvision(_ index: Int) {
    let recorded = Self.cases[index]
    withGenerator(Generator(seed: 7)) {
      for (i, (sum, weighted)) in recorded.sums.enumerated() {
        let result = recorded.transform(Self.image)
        #expect(result.shape.array == recorded.shapes[i % recorded.shapes.count], "\(recorded.name)")
        let pixels = result.scalars(Int.self)
        let found = (pixels.reduce(0, +), pixels.enumerated().reduce(0) { $0 + $1.offset * $1.element })
        // Half a grey level of rounding where arithmetic is involved.
        let slack = recorded.isExact ? 0 : pixels.count
        #expect(abs(found.0 - sum) <= slack, "\(recorded.name) \(i): \(found) instead of \((sum, weighted))")
        #expect(abs(found.1 - weighted) <= slack * pixels.count / 2, "\(recorded.name) \(i): \(found)")
      }
    }
  }
}

@Suite struct PlainTransformTests {
  @Test func composesFromPixelsToNormalizedPlanes() {
    let pixels = Tensor((0..<24).map { UInt8($0 * 10) }, shape: [2, 4, 3])
    let transform = Compose(ToTensor(), CenterCrop(2), Normalize(mean: [0.5, 0.5, 0.5], std: [0.5, 0.25, 1]))
    let result = transform(pixels)
    #expect(result.shape == [3, 2, 2] && result.dtype == .float32)
    // Channel 1 of pixel (1, 2): 10 · (3 · 6 + 1) / 255.
    #expect(abs(result.scalars(Double.self)[7] - (190.0 / 255 - 0.5) / 0.25) < 1e-5)
  }

  @Test func refusesWhatIsNoImage() {
    #expect(throws: OpError.self) { try withErrors { Resize(4)(Tensor.zeros(3, 3)) } }
    #expect(throws: OpError.self) { try withErrors { RandomCrop(9)(Tensor.zeros(3, 4, 4)) } }
    #expect(throws: OpError.self) {
      try withErrors { Tensor.zeros(2, 5).nms(scores: Tensor.zeros(2), iouThreshold: 1) }
    }
  }
}
