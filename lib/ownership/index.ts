// SPDX-License-Identifier: MIT
export { BorrowedDevice, type BorrowOptions } from './borrowed-device.js'
export {
  type DataPosition,
  Descriptor,
  type DescriptorIdentity,
  type DescriptorKind,
  identifyDescriptor,
} from './descriptor.js'
export {
  DescriptorListener,
  type DescriptorMessage,
  DescriptorSocket,
  type Peer,
  type SocketOptions,
} from './descriptor-socket.js'
export {
  type HandOverOptions,
  handOver,
  type ReceiveDeviceOptions,
  type ReceivedDevice,
  receiveDevice,
} from './hand-over.js'
export { holdDevices } from './hold-devices.js'
export { type Borrowed, Keeper, type KeeperClientOptions } from './keeper.js'
export { type KeeperOptions, KeeperServer } from './keeper-server.js'
export { type ListenDescriptor, listenDescriptors } from './listen-fds.js'
export type { DeviceFacts, HeldDevice, Role } from './messages.js'
export { takeFromProcess } from './process-descriptor.js'
