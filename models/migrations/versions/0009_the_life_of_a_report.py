"""The life of a report

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

STATUSES = ('received', 'accepted', 'assigned', 'in_progress', 'awaiting_reporter', 'resolved', 'called_back', 'closed', 'reopened', 'withdrawn')
ACTS = ('moved', 'added', 'urged', 'overdue', 'supervised', 'escalated', 'changed', 'split', 'joined', 'noted', 'signed_off', 'call_due', 'linked', 'photographed')
ROLES = ('guest', 'resident', 'volunteer', 'worker', 'manager', 'alliance')
RUNNING = ('received', 'accepted', 'assigned', 'in_progress', 'reopened')
OFFICE = '08:30-12:00, 13:30-17:00'


def among(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def check_statuses(batch_op, table: str, statuses: tuple[str, ...]) -> None:
    batch_op.drop_constraint(op.f(f'ck_{table}_status'), type_='check')
    batch_op.create_check_constraint(op.f(f'ck_{table}_status'), among('status', statuses))


def upgrade() -> None:
    with op.batch_alter_table('community', schema=None) as batch_op:
        batch_op.add_column(sa.Column('office', sqlmodel.sql.sqltypes.AutoString(), server_default=OFFICE, nullable=False))

    _widen_tickets()
    _widen_histories()
    op.create_table('special_day',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('community_id', sa.Integer(), nullable=True),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('working', sa.Boolean(), nullable=False),
    sa.Column('note', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_special_day_community_id_community')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_special_day')),
    sa.UniqueConstraint('community_id', 'day', name=op.f('uq_special_day_community_id_day'))
    )
    with op.batch_alter_table('special_day', schema=None) as batch_op:
        batch_op.create_index('ix_special_day_everywhere', ['day'], unique=True, sqlite_where=sa.text('community_id IS NULL'), postgresql_where=sa.text('community_id IS NULL'))

    op.create_table('routing_rule',
    sa.Column('community_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('name', sa.JSON(), nullable=False),
    sa.Column('categories', sa.JSON(), nullable=False),
    sa.Column('buildings', sa.JSON(), nullable=False),
    sa.Column('words', sa.JSON(), nullable=False),
    sa.Column('from_minute', sa.Integer(), nullable=False),
    sa.Column('until_minute', sa.Integer(), nullable=False),
    sa.Column('worker_id', sa.BigInteger(), nullable=True),
    sa.Column('role', sa.Enum(*ROLES, name='role', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_routing_rule_community_id_community')),
    sa.ForeignKeyConstraint(['worker_id'], ['resident.id'], name=op.f('fk_routing_rule_worker_id_resident')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_routing_rule')),
    sa.UniqueConstraint('community_id', 'position', name=op.f('uq_routing_rule_community_id_position'))
    )
    op.create_table('grid_post',
    sa.Column('community_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('building', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('worker_id', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_grid_post_community_id_community')),
    sa.ForeignKeyConstraint(['worker_id'], ['resident.id'], name=op.f('fk_grid_post_worker_id_resident')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_grid_post')),
    sa.UniqueConstraint('community_id', 'building', name=op.f('uq_grid_post_community_id_building'))
    )
    with op.batch_alter_table('grid_post', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_grid_post_worker_id'), ['worker_id'], unique=False)

    op.create_table('reply_template',
    sa.Column('community_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('step', sa.Enum(*STATUSES, 'on_hold', 'merged', name='step', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('category', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('text', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_reply_template_community_id_community')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reply_template'))
    )
    op.create_table('contractor_link',
    sa.Column('community_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('digest', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('ticket_id', sa.BigInteger(), nullable=False),
    sa.Column('firm', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('issued_by', sa.BigInteger(), nullable=False),
    sa.Column('photos', sa.Integer(), nullable=False),
    sa.Column('expires_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('signed_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_contractor_link_community_id_community')),
    sa.ForeignKeyConstraint(['issued_by'], ['resident.id'], name=op.f('fk_contractor_link_issued_by_resident')),
    sa.ForeignKeyConstraint(['ticket_id'], ['ticket.id'], name=op.f('fk_contractor_link_ticket_id_ticket')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contractor_link')),
    sa.UniqueConstraint('digest', name=op.f('uq_contractor_link_digest'))
    )
    with op.batch_alter_table('contractor_link', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_contractor_link_ticket_id'), ['ticket_id'], unique=False)


def _widen_tickets() -> None:
    with op.batch_alter_table('ticket', schema=None) as batch_op:
        batch_op.add_column(sa.Column('channel', sqlmodel.sql.sqltypes.AutoString(), server_default='', nullable=False))
        batch_op.add_column(sa.Column('parent_id', sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column('merged_into_id', sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column('for_role', sa.String(length=24), server_default='worker', nullable=False))
        batch_op.add_column(sa.Column('why', sa.JSON(), server_default='{}', nullable=False))
        batch_op.add_column(sa.Column('clock_from', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
        batch_op.add_column(sa.Column('spent', sa.Integer(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('stopped_until', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
        batch_op.add_column(sa.Column('call_back_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
        batch_op.add_column(sa.Column('climbed', sa.JSON(), server_default='[]', nullable=False))
        batch_op.add_column(sa.Column('climbs_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
        batch_op.add_column(sa.Column('urges', sa.Integer(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('reopened', sa.Integer(), server_default='0', nullable=False))

    op.execute("UPDATE ticket SET clock_from = opened_at")
    op.execute("UPDATE ticket SET urges = 1 WHERE urged_at IS NOT NULL")
    op.execute("UPDATE ticket SET climbed = '[\"OVERDUE\"]' WHERE overdue_told_at IS NOT NULL")
    op.execute(f"UPDATE ticket SET climbs_at = due_at WHERE {among('status', RUNNING)}")
    with op.batch_alter_table('ticket', schema=None) as batch_op:
        batch_op.alter_column('clock_from', existing_type=sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False)
        batch_op.drop_column('overdue_told_at')
        check_statuses(batch_op, 'ticket', (*STATUSES, 'on_hold', 'merged'))
        batch_op.create_check_constraint(op.f('ck_ticket_for_role'), among('for_role', ROLES))
        batch_op.create_foreign_key(op.f('fk_ticket_parent_id_ticket'), 'ticket', ['parent_id'], ['id'])
        batch_op.create_foreign_key(op.f('fk_ticket_merged_into_id_ticket'), 'ticket', ['merged_into_id'], ['id'])
        for column in ('parent_id', 'merged_into_id', 'stopped_until', 'call_back_at', 'climbs_at'):
            batch_op.create_index(op.f(f'ix_ticket_{column}'), [column], unique=False)


def _widen_histories() -> None:
    with op.batch_alter_table('ticket_event', schema=None) as batch_op:
        batch_op.add_column(sa.Column('act', sa.String(length=24), server_default='moved', nullable=False))
        batch_op.add_column(sa.Column('photos', sa.JSON(), server_default='[]', nullable=False))
        check_statuses(batch_op, 'ticket_event', (*STATUSES, 'on_hold', 'merged'))
        batch_op.create_check_constraint(op.f('ck_ticket_event_act'), among('act', ACTS))


def downgrade() -> None:
    for table in ('contractor_link', 'reply_template', 'grid_post', 'routing_rule', 'special_day'):
        op.drop_table(table)
    for table in ('ticket', 'ticket_event'):
        op.execute(f"UPDATE {table} SET status = 'in_progress' WHERE status = 'on_hold'")
        op.execute(f"UPDATE {table} SET status = 'withdrawn' WHERE status = 'merged'")
    with op.batch_alter_table('ticket_event', schema=None) as batch_op:
        batch_op.drop_constraint(op.f('ck_ticket_event_act'), type_='check')
        check_statuses(batch_op, 'ticket_event', STATUSES)
        batch_op.drop_column('photos')
        batch_op.drop_column('act')

    with op.batch_alter_table('ticket', schema=None) as batch_op:
        batch_op.add_column(sa.Column('overdue_told_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
        for column in ('parent_id', 'merged_into_id', 'stopped_until', 'call_back_at', 'climbs_at'):
            batch_op.drop_index(op.f(f'ix_ticket_{column}'))
        batch_op.drop_constraint(op.f('fk_ticket_merged_into_id_ticket'), type_='foreignkey')
        batch_op.drop_constraint(op.f('fk_ticket_parent_id_ticket'), type_='foreignkey')
        batch_op.drop_constraint(op.f('ck_ticket_for_role'), type_='check')
        check_statuses(batch_op, 'ticket', STATUSES)

    op.execute("UPDATE ticket SET overdue_told_at = due_at WHERE CAST(climbed AS VARCHAR) LIKE '%OVERDUE%'")
    with op.batch_alter_table('ticket', schema=None) as batch_op:
        for column in ('reopened', 'urges', 'climbs_at', 'climbed', 'call_back_at', 'stopped_until', 'spent', 'clock_from', 'why', 'for_role', 'merged_into_id', 'parent_id', 'channel'):
            batch_op.drop_column(column)

    with op.batch_alter_table('community', schema=None) as batch_op:
        batch_op.drop_column('office')
