import Flameback
import Synchronization

/// Images in memory, cropped, mirrored and normalised; an element's number is epoch · images + index.
struct Images: Dataset {
  let count: Int
  let unique: Int
  let size: Int
  let crop: Int
  let pad: Int
  let pixels: Tensor
  let padded: Tensor
  let labels: Tensor
  let mean = Tensor([0.485, 0.456, 0.406] as [Float], shape: [3, 1, 1])
  let std = Tensor([0.229, 0.224, 0.225] as [Float], shape: [3, 1, 1])

  init(_ p: Workload) throws {
    count = try p.required("images")
    unique = try p.required("unique")
    size = try p.required("size")
    crop = try p.required("crop")
    pad = try p.required("pad")
    pixels = integers(Numbers.input, [unique, 3, size, size], 256).to(.uint8)
    labels = integers(Numbers.input + 1, [count], 10)
    padded = pixels.pad([pad, pad, pad, pad])
  }

  func order(_ epoch: Int) -> [Int] {
    (0..<count).map { epoch * count + ($0 * 0x9E37_79B1 + epoch * 12345) % count }
  }

  private func draw(_ number: Int) -> (index: Int, top: Int, left: Int, flip: Bool) {
    let (epoch, j) = number.quotientAndRemainder(dividingBy: count)
    let h = Int(hash(Numbers.crop + UInt32(epoch), j))
    let m = size + 2 * pad - crop + 1
    return (j, (h >> 8 & 255) % m, (h >> 16 & 255) % m, h & 1 == 1)
  }

  subscript(number: Int) -> (Tensor, Tensor) {
    let (j, top, left, flip) = draw(number)
    var x = pixels.select(dim: 0, index: j % unique)
    if pad > 0 { x = x.pad([pad, pad, pad, pad]) }
    x = x.narrow(dim: 1, start: top, length: crop).narrow(dim: 2, start: left, length: crop)
    if flip { x = x.flip(2) }
    return ((x.to(.float32) / 255 - mean) / std, labels.select(dim: 0, index: j))
  }

  /// A whole batch by tensor operations.
  func batch(_ numbers: [Int]) -> (Tensor, Tensor) {
    let drawn = numbers.map(draw)
    let n = numbers.count
    let i = Tensor.arange(crop)
    let top = Tensor(drawn.map(\.top), shape: [n, 1])
    let columns = Tensor(
      drawn.flatMap { d in (0..<crop).map { d.left + (d.flip ? crop - 1 - $0 : $0) } }, shape: [n, 1, 1, crop])
    let image = Tensor(drawn.map { $0.index % unique }, shape: [n, 1, 1, 1])
    let channel = Tensor.arange(3).view([3, 1, 1])
    let x = padded[image, channel, (top + i).view([n, 1, crop, 1]), columns]
    return (
      (x.to(.float32) / 255 - mean) / std, labels.indexSelect(dim: 0, index: Tensor(drawn.map(\.index), shape: [n]))
    )
  }
}

/// The order of an epoch.
private struct EpochSampler: Sampler {
  let images: Images
  let epoch: Epoch
  var count: Int { images.count }
  func indices() -> [Int] { images.order(epoch.number) }
}

private final class Epoch: Sendable {
  private let value = Atomic<Int>(0)
  var number: Int {
    get { value.load(ordering: .relaxed) }
    set { value.store(newValue, ordering: .relaxed) }
  }
}

func buildLoader(_ w: Workload) throws -> Built {
  let images = try Images(w.params)
  let epoch = Epoch()
  let sampler = EpochSampler(images: images, epoch: epoch)
  let loader: DataLoader<(Tensor, Tensor)>
  if w.string("mode") ?? "sample" == "sample" {
    loader = DataLoader(images, batchSize: w.batch, sampler: sampler, numWorkers: w.int("workers") ?? 0)
  } else {
    loader = DataLoader(
      sampleCount: images.count,
      options: DataLoader<(Tensor, Tensor)>.Options(batchSize: w.batch, sampler: sampler)
    ) { images.batch($0) }
  }
  var got: [Double] = []
  for (i, (x, _)) in loader.enumerated() where i == 0 || i == loader.count - 1 { got.append(checksum(x)) }
  if got.count == 1 { got.append(got[0]) }
  epoch.number = 1
  return Built(echo: got, items: w.batch, per: loader.count) { n in
    for _ in 0..<n {
      for _ in loader {}
      epoch.number += 1
    }
  }
}
