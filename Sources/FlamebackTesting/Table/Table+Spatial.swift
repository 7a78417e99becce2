import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let spatial: [String: Entry] = [:]
}
