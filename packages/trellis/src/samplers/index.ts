export * from './flow-euler.ts';
export { type SchedulePoint, schedule, timePoints } from './schedule.ts';
