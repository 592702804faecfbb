import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import type { Config } from '../config/schema.ts';
import type { AdminAnswer, AdminRoute } from '../observe/admin-listener.ts';

/** What a worker does when it is asked to. What it throws, who has asked is told as a `Failure`. */
export interface Duties {
  /** Opens all that the configuration needs, and tells what operators may ask. The first of all duties. */
  open(start: { readonly number: number; readonly config: Config }): Promise<readonly RouteName[]>;
  listen(): Promise<AddressInfo>;
  /** Opens the next configuration beside the one in use; `swap` takes the one with this version into use, `discard` drops it. */
  prepare(next: { readonly version: number; readonly config: Config }): Promise<void>;
  swap(version: number): void;
  discard(): Promise<void>;
  isReady(): Promise<boolean>;
  metrics(): Promise<Snapshot>;
  answer(question: AdminQuestion): Promise<AdminAnswer>;
  drain(): Promise<void>;
  /** Ends the process too. */
  close(): Promise<void>;
}

export type Duty = keyof Duties;
export type Argument<Name extends Duty> = Parameters<Duties[Name]>[0];
export type Result<Name extends Duty> = Awaited<ReturnType<Duties[Name]>>;

export type RouteName = Pick<AdminRoute, 'method' | 'path' | 'isOpen'>;

/** A request to the admin address. */
export interface AdminQuestion {
  readonly route: RouteName;
  readonly query: string;
  readonly id: string;
  readonly body: string;
}

/** The metrics of a process at a moment. */
export type Snapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

export interface Question {
  readonly id: number;
  readonly duty: Duty;
  readonly argument: unknown;
}

/** A worker's first message answers this, which nobody has asked: what it was sent before it was loaded would be lost. */
export const LOADED = 0;

export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly failure?: Failure;
}

/** An error, as far as it can be sent. */
export interface Failure {
  readonly message: string;
  /** Whether it may pass by itself: something that the worker depends on is out. */
  readonly isOutage: boolean;
}
